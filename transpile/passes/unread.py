"""Objects of Keras that nothing reads any more: their readers became part of a model."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from transpile.passes.leftovers import Covered
from transpile.references import References
from transpile.splice import Output

# What making one of these does to anything else: nothing.
_OBJECTS = ("keras.initializers.", "keras.regularizers.", "keras.constraints.", "keras.activations.", "keras.layers.")
_Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def remove_unread(references: References, output: Output) -> None:
    """Removes `init = RandomNormal(stddev=0.02)` where the layers that were given it are converted."""
    paths = {r.node: r.path for r in references.references}
    pending = list(_definitions(references, paths))
    while True:
        covered = Covered([(e.start, e.end) for e in output.edits])
        pending = [s for s in pending if not covered.holds(references.start(s), references.end(s))]
        unread = next((s for s in pending if _is_unread(references, output, covered, s)), None)
        if unread is None:
            return
        _remove(references, output, unread)


def _definitions(references: References, paths: Mapping[ast.expr, str]) -> Iterator[ast.Assign]:
    """The statements that only give a name to a new object of Keras."""
    for node in ast.walk(references.tree):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
            continue
        calls = [n for n in ast.walk(node.value) if isinstance(n, ast.Call)]
        if node.value in calls and all(paths.get(c.func, "").startswith(_OBJECTS) for c in calls):
            yield node


def _is_unread(references: References, output: Output, covered: Covered, statement: ast.Assign) -> bool:
    assert isinstance(statement.targets[0], ast.Name)
    name = statement.targets[0].id
    scope = next(n for n in references.around(statement) if isinstance(n, _Scope))
    if isinstance(scope, ast.ClassDef):
        return False
    nodes = [n for n in ast.walk(scope) if isinstance(n, ast.Name) and n.id == name]
    reads = [n for n in nodes if isinstance(n.ctx, ast.Load)]
    gone = all(covered.holds(references.start(n), references.end(n)) for n in reads)
    written = (*(e.text for e in output.edits), *(text for _, text in output.definitions.values()))
    return bool(reads) and gone and not any(re.search(rf"(?<![.\w]){re.escape(name)}\b", text) for text in written)


def _remove(references: References, output: Output, statement: ast.Assign) -> None:
    """Takes a statement out, with its line; where a block would be empty, `pass` stays."""
    start, end = references.start(statement), references.end(statement)
    data = references.data
    line, after = data.rfind(b"\n", 0, start) + 1, data.find(b"\n", end) + 1 or len(data)
    rest = data[end:after].strip()
    alone = not data[line:start].strip() and (not rest or rest.startswith(b"#"))
    block = next(n for n in references.around(statement) if isinstance(getattr(n, "body", None), list))
    if alone and statement in block.body and len(block.body) > 1:  # type: ignore[attr-defined]
        output.edit(references.span(line, after), "")
    else:
        output.edit(references.span(start, end), "pass")
