"""Random seeds, devices, and the set-up of TensorFlow, which goes."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from transpile.backends.blank_lines import REMOVED, removed
from transpile.backends.torch_helpers import NUMPY, Writing
from transpile.frontends.keras_utilities import Setup, Use, harmless_queries
from transpile.ir import Edit
from transpile.references import References

TF_SEEDS = ("tf.random.set_seed", "tf.set_random_seed", "tf.random.set_random_seed")
SEEDS = (*TF_SEEDS, "keras.utils.set_random_seed")
DEVICE_LISTS = tuple(
    f"tf.config.{part}list_{kind}_devices" for part in ("", "experimental.") for kind in ("physical", "logical")
)


def write_seed(writing: Writing, use: Use) -> bool:
    """`torch.manual_seed(0)`, and the seeds of Python and numpy where Keras sets them."""
    arguments = use.arguments("seed")
    if use.call is None or not arguments:
        return False
    seed = writing.references.code(arguments["seed"])
    writing.output.imports.add("import torch")
    if use.path in TF_SEEDS:
        return writing.replace(use.call, f"torch.manual_seed({seed})")
    indent = _own_line(writing.references, use.call)
    simple = isinstance(arguments["seed"], ast.Name | ast.Constant | ast.Attribute)
    if indent is not None and simple:
        writing.output.imports |= {"import random", NUMPY}
        names = ("random.seed", "np.random.seed", "torch.manual_seed")
        text = f"\n{indent}".join(f"{name}({seed})" for name in names)
        return writing.replace(use.call, text)
    name = writing.define("set_random_seed", writing.references.start(use.call))
    return writing.replace(use.reference.node, name)


def _own_line(references: References, call: ast.Call) -> str | None:
    """The indentation of a call that has its line for itself; None where it has not."""
    statement = references.statement(call)
    if not isinstance(statement, ast.Expr) or statement.value is not call:
        return None
    start, end = references.start(statement), references.end(statement)
    before = references.data[references.line_start(start) : start]
    after = references.data[end : references.line_end(end - 1)].strip()
    return None if before.strip() or after.startswith(b";") else before.decode()


def write_device(writing: Writing, use: Use) -> None:
    """What the program asks about GPUs."""
    if use.call is None:
        return
    writing.output.imports.add("import torch")
    parent = writing.references.parents[use.call]
    first = use.call.args[0] if use.call.args else None
    if use.path in DEVICE_LISTS and isinstance(first, ast.Constant) and first.value == "GPU":
        if isinstance(parent, ast.Call) and ast.unparse(parent.func) == "len":
            writing.replace(parent, "torch.cuda.device_count()")
            return
        text = '[torch.device("cuda", i) for i in range(torch.cuda.device_count())]'
        writing.replace(use.call, text)
    elif use.path in ("tf.test.is_gpu_available", "tf.test.is_built_with_cuda"):
        writing.replace(use.call, "torch.cuda.is_available()")
    elif use.path == "tf.test.gpu_device_name":
        writing.replace(use.call, '("cuda:0" if torch.cuda.is_available() else "")')


def keep_setup(writing: Writing, setup: Setup, uses: Sequence[Use]) -> None:
    """Notes that the set-up stays, because other code still needs TensorFlow."""
    statements = [writing.references.statement(use.reference.node) for use in uses]
    for statement in sorted({*setup.core, *statements}, key=writing.references.start):
        span = writing.span(statement)
        edited = any(span.start <= e.start < span.end for e in writing.output.edits)
        used = any(span.start <= r.start < span.end for r in writing.references.references)
        if used and not edited:
            writing.output.report("K2T331", span, "this set-up was left: other code still needs it")


def remove_setup(writing: Writing, setup: Setup) -> None:
    """Takes the set-up away, each statement with a note."""
    references, output = writing.references, writing.output
    for statement in sorted(setup.core, key=references.start):
        text = " ".join(references.code(statement).split())
        text = text if len(text) <= 60 else text[:57] + "..."
        output.report("K2T330", writing.span(statement), f"{text} was left out")
    spans = [writing.span(s) for s in setup.statements]
    output.edits = [e for e in output.edits if not any(s.start <= e.start and e.end <= s.end for s in spans)]
    edits = removed(references, setup.statements, harmless_queries(references))
    output.edits += _with_comments(references, edits)


def _with_comments(references: References, edits: list[Edit]) -> list[Edit]:
    """Removals of whole paragraphs take the comment above them along."""
    merged: list[Edit] = []
    for edit in edits:
        if merged and merged[-1].end == edit.start and edit.text == merged[-1].text == REMOVED:
            merged[-1] = Edit(merged[-1].start, edit.end, REMOVED)
        else:
            merged.append(edit)
    result = []
    for edit in merged:
        data, start = references.data, edit.start
        following = data[edit.end : references.line_end(edit.end)]
        if edit.text == REMOVED and (edit.end >= len(data) or not following.strip()):
            start = _comment_above(references, start)
        result.append(Edit(start, edit.end, edit.text))
    return result


def _comment_above(references: References, start: int) -> int:
    """The start of the comment directly above a line, where an empty line stands before it."""
    at = start
    while at:
        above = references.line_start(at - 1)
        line = references.data[above:at].strip()
        if not line.startswith(b"#") or line.startswith(b"#!") or b"coding" in line:
            return at if not line else start
        at = above
    return start
