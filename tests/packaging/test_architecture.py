"""What keeps the code base readable: one way through, small files, layout-only templates."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "transpile"
FILES = sorted(PACKAGE.rglob("*.py"))
# The flow. A module imports only from its own group and from what stands to the left of it.
FLOW = (
    "ir training_ir codes diagnostics result syntax indentation files names scopes references statements shapes torch_values registry ops source interpret "
    "splice frontends passes backends convert_models pipeline pipeline_torch2keras verify render convert written cli_output "
    "cli_convert cli_verify cli_listing hook cli __main__"
).split()
# Written inside a function, for the convenience of the library's users.
LATE = {("result", "files")}
FRAMEWORKS = {"keras", "tensorflow", "tf_keras", "torch", "jax"}
MAX_LINES = 400
MAX_FUNCTION = 40
MAX_ENTRY = 50  # an op: one call with its signatures and examples, data rather than steps


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def group(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    """The dotted names that the file imports, anywhere in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            if node.module == "transpile":
                yield from (f"transpile.{alias.name}" for alias in node.names)
            elif node.module:
                yield node.module


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    here = group(path)
    if here == "__init__":
        return
    assert here in FLOW, f"give {here} its place in FLOW"
    for name in imported(path):
        package, _, rest = name.partition(".")
        there = rest.split(".")[0]
        if package != "transpile" or there not in FLOW or (here, there) in LATE:
            continue
        assert FLOW.index(there) <= FLOW.index(here), f"{here} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_the_verifier_imports_frameworks(path: Path) -> None:
    if group(path) != "verify":
        assert not FRAMEWORKS & {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_and_functions_are_small(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MAX_LINES, f"{lines} lines"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            limit = MAX_ENTRY if group(path) == "ops" else MAX_FUNCTION
            assert length <= limit, f"{node.name}: {length} lines"


def template_files() -> list[Path]:
    return sorted((ROOT / "templates").rglob("*.j2"))


def test_there_are_templates() -> None:
    assert template_files()


@pytest.mark.parametrize("path", template_files(), ids=name_of)
def test_templates_only_lay_out(path: Path) -> None:
    """No template names a layer, or decides by op. Helpers are code of ours, not layout."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\{%-?\s*(el)?if[^%]*\bop(\.\w+)?\s*(==|in)\b", text)
    assert not re.search(r"\bnn\.(?!Module\b|Sequential\b)[A-Z]\w*|\blayers\.\w+", text)


@pytest.mark.parametrize(
    "statement",
    [
        "import transpile",
        "from transpile import keras2torch",
        "from transpile import torch2keras",
        "import transpile.cli",
        "import transpile.verify",
    ],
)
def test_no_framework_is_imported(statement: str) -> None:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not FRAMEWORKS & set(done.stdout.split())


def test_importing_the_package_is_cheap() -> None:
    code = "import sys; before = set(sys.modules); import transpile; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = [name for name in done.stdout.split() if name.startswith("transpile")]
    assert ours == ["transpile"]


def test_the_command_line_is_cheap() -> None:
    """What only some conversions need is not imported for all of them."""
    code = "import transpile.cli, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    late = {"black", "rich", "numpy", "libcst", "jinja2"}
    assert not late & set(done.stdout.split())
