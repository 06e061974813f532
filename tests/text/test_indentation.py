"""Files indented with tabs: the same output, indented with tabs, and positions in the user's own text."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from transpile import keras2torch, torch2keras
from transpile.indentation import Indentation
from transpile.result import UnusableInput

CASES = Path(__file__).parents[2] / "fixtures" / "cases"
NAMES = ["old_lstm", "resnet", "subclass_resnet", "gan_functions", "torch_unet", "torch_lenet", "callbacks_own"]


def tabbed(text: str) -> str:
    return re.sub(r"^(?:    )+", lambda m: "\t" * (len(m[0]) // 4), text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_same_output(name: str) -> None:
    case = CASES / name
    back = tomllib.loads((case / "case.toml").read_text()).get("direction") == "torch2keras"
    convert, source = (torch2keras, "torch.py") if back else (keras2torch, "keras.py")
    spaces = convert((case / source).read_text())
    tabs = convert(tabbed((case / source).read_text()))
    assert tabbed(tabs.code) == tabbed(spaces.code)
    assert "\n\t" in tabs.code
    assert [(d.code, d.span.line) for d in tabs.diagnostics] == [(d.code, d.span.line) for d in spaces.diagnostics]


MIXED = 'import keras\n\ndef f():\n\tx = keras.ops.foo(1)\n\treturn """a\n\tb"""\n\nif f():\n    y = 1\n'


def test_positions_and_mixed_files() -> None:
    result = keras2torch(MIXED)
    (left,) = [d for d in result.diagnostics if d.level == "error"]
    assert (left.span.line, left.span.column) == (4, 6)
    assert MIXED.encode()[left.span.start : left.span.end].startswith(b"keras.ops.foo")
    assert result.source == MIXED
    assert '"""a\n\tb"""' in result.code
    compile(result.code, "x.py", "exec")


def test_nothing_to_convert() -> None:
    text = "import torch\nif x:\n\ty = 1\n"
    assert keras2torch(text).code == text


def test_unusable() -> None:
    with pytest.raises(UnusableInput) as caught:
        Indentation("if x:\n        a = 1\n\tb = 2\n")
    assert caught.value.line == 3
