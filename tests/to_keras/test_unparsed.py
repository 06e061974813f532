"""Text of ours that is no Python becomes a diagnostic; the rest of the program is converted."""

from __future__ import annotations

import ast

import pytest

from transpile import torch2keras
from transpile.backends import keras_script
from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.ir import Edit

PROGRAM = """\
import torch

torch.manual_seed(0)
seed = torch.initial_seed()
print(seed)
"""


def broken(e: ScriptExpressions, node: ast.expr) -> str | None:
    return "(,)" if isinstance(node, ast.Call) and e.path(node.func) == "torch.initial_seed" else None


def test_expressions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_script, "RULES", (broken, *keras_script.RULES))
    result = torch2keras(PROGRAM)
    assert [(d.code, d.span.line) for d in result.diagnostics] == [("T2K156", 4)]
    assert "keras.utils.set_random_seed(0)" in result.code
    assert "seed = torch.initial_seed()" in result.code


def test_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: keras_script.Statements) -> None:
        self.plan.rewrite(self.references.tree.body[2], "seed = = 3")

    monkeypatch.setattr(keras_script.Statements, "write", write)
    result = torch2keras(PROGRAM)
    assert ("T2K156", 4) in [(d.code, d.span.line) for d in result.diagnostics]
    assert "seed = torch.initial_seed()" in result.code


def test_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else comes of edits that do not go together: the statement that holds them is left."""
    plan = keras_script.EditPlan
    edits = plan.edits

    def more(self: keras_script.EditPlan) -> list[Edit]:
        start = self.references.data.index(b"initial")
        return [*edits(self), Edit(start, start, "(")]

    monkeypatch.setattr(plan, "edits", more)
    result = torch2keras(PROGRAM)
    assert ("T2K156", 4) in [(d.code, d.span.line) for d in result.diagnostics]
    assert "keras.utils.set_random_seed(0)" in result.code
    ast.parse(result.code)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("data_tensor=x, target_tensor=y", "from_tensor_slices((x, y))"),
        ("x", "from_tensor_slices((x,))"),
        ("*arrays", "from_tensor_slices((*arrays,))"),
        ("tensors=x", "TensorDataset(tensors=x)"),
    ],
)
def test_arrays_of_a_dataset(made: str, expected: str) -> None:
    text = f"import torch\nfrom torch.utils.data import TensorDataset\n\ndata = TensorDataset({made})\n"
    assert expected in torch2keras(text).code
