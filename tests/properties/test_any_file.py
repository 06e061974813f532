"""What a conversion never does, whatever the file is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transpile import keras2torch
from transpile.backends import torch_file
from transpile.convert import Options, convert_bytes
from transpile.indentation import Indentation
from transpile.ir import Edit
from transpile.splice import apply

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = sorted((ROOT / "fixtures" / "cases").glob("*/keras.py"))
# Their estimators are rewritten before anything is read: what is spliced is not the file.
SPLICED = [p for p in PROGRAMS if "KerasClassifier" not in p.read_text(encoding="utf-8")]
OWN = [p for p in sorted((ROOT / "transpile").rglob("*.py")) if p.parent.name != "verify"]


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_files_without_a_framework_stay_as_they_are(newline: bytes) -> None:
    for path in OWN[::12]:
        data = path.read_bytes().replace(b"\n", newline)
        assert convert_bytes(data, Options()) == data, path


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\0\f")))
def test_any_text_as_a_comment_and_a_string(text: str) -> None:
    comment = "".join(f"# {line}\n" for line in text.splitlines())
    source = f"{comment}x = {text!r}\n"
    assert keras2torch(source).code == source


pieces = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=9)


@given(pieces, st.data())
def test_what_is_not_edited_cannot_change(parts: list[str], data: st.DataObject) -> None:
    try:
        source = "".join(parts)
        source.encode()
    except UnicodeEncodeError:
        return
    edits, expected, position = [], [], 0
    for part in parts:
        end = position + len(part.encode())
        if data.draw(st.booleans()):
            text = data.draw(st.text(st.characters(codec="utf-8"), max_size=4))
            edits.append(Edit(position, end, text))
            expected.append(text)
        else:
            expected.append(part)
        position = end
    assert apply(source, edits) == "".join(expected)
    assert apply(source, []) == source


@pytest.mark.parametrize("path", SPLICED[::4], ids=lambda p: p.parent.name)
def test_regions_make_up_the_source(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is edited and what is kept, one behind the other, is the file (its tabs as spaces meanwhile)."""
    written = path.read_text(encoding="utf-8")
    source = Indentation(written).expanded
    made: list[list[Edit]] = []

    def record(text: str, edits: list[Edit]) -> str:
        if text == source:
            made.append(sorted(edits, key=lambda e: (e.start, e.end)))
        return apply(text, edits)

    monkeypatch.setattr(torch_file, "apply", record)
    code = keras2torch(written).code
    data, position, regions, kept = source.encode(), 0, b"", set()
    for edit in made[0]:
        kept |= _lines(data[position : edit.start].decode().split("\n")[1:-1])
        regions += data[position : edit.end]
        position = edit.end
    assert regions + data[position:] == data
    assert kept - _lines(code.split("\n")) == set()


def _lines(lines: list[str]) -> set[str]:
    """Those that no later step may touch: imports are sorted, blank lines evened out."""
    return {line for line in lines if line.startswith(("def ", "class ", "print(", "#"))}
