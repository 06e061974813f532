"""Which statements of the source make up a model, and where its translation goes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import libcst as cst
from libcst import matchers

from transpile.frontends.blocks import Blocks, home_statement, names_in, simple_statements
from transpile.frontends.kept_values import is_constant, only_asked, shapes_of
from transpile.frontends.keras_model import Reading
from transpile.frontends.scope import Unconvertible
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Apply, Frame, InputSource, Layer, ModelValue, Tensor
from transpile.ir import Span
from transpile.source import Source


@dataclass
class Region:
    """What a model takes up: statements that go away, and the call that is replaced.

    `deleted` are whole statements of the home block; `construct` is the span of the
    `Sequential(...)` or `Model(...)` call, `statement` the statement it stands in.
    """

    reading: Reading
    statement: cst.CSTNode
    construct: Span
    deleted: list[cst.CSTNode] = field(default_factory=list)
    functions: list[cst.FunctionDef] = field(default_factory=list)
    anchor: cst.CSTNode | None = None  # where the construction goes, if not where it stood


def region_of(reading: Reading, interpreter: Interpreter, blocks: Blocks, others: set[int]) -> Region:
    """The region of a model. `others` are the applications that belong to models read before.

    Raises Unconvertible where its statements cannot be told apart.
    """
    value, source = reading.value, interpreter.source
    assert value.call is not None
    statement = value.statements[0] if value.statements else None
    if statement is None or statement not in blocks.places:
        raise Unconvertible([("K2T109", "the statement that makes this model is not understood", value.span)])
    region = Region(reading, statement, source.span(value.call))
    for made in _statements(reading, value.frame, interpreter, others):
        if made not in blocks.places or made is statement:
            continue
        if made not in region.deleted:
            region.deleted.append(made)
    region.deleted = _whole(region, blocks, source)
    region.functions = _helpers(reading)
    return region


def _statements(reading: Reading, home: Frame, interpreter: Interpreter, others: set[int]) -> list[cst.CSTNode]:
    """The statements of the home frame in which parts of the model came about, in order."""
    found: list[tuple[int, cst.CSTNode]] = []

    def add(part: Apply | Layer | InputSource) -> None:
        made = home_statement(part.statement, part.frame, home)
        if made is not None:
            found.append((part.order, made))

    applies = [r for r in reading.applies if id(r) not in others]
    for record in applies:
        add(record)
        if isinstance(record.layer, Layer) and not record.layer.adapted:
            add(record.layer)
        for tensor in record.inputs:
            if isinstance(tensor.source, InputSource) and tensor.source.statement is not None:
                add(tensor.source)
    tensors = {id(t) for r in applies for t in (*r.inputs, *r.outputs)}
    for frame, statement, tensor in interpreter.tensor_statements:
        if id(tensor) in tensors:
            made = home_statement(statement, frame, home)
            if made is not None:
                found.append((source_order(tensor), made))
    owned = {id(t) for r in reading.applies if id(r) in others for t in r.inputs}  # by another model
    for tensor in (t for t in reading.value.inputs if applies and id(t) not in owned):
        if isinstance(tensor.source, InputSource) and tensor.source.statement is not None:
            add(tensor.source)
    result = [s for _, s in sorted(found, key=lambda p: p[0])]
    return list(dict.fromkeys([*result, *reading.value.statements[1:]]))


def source_order(tensor: Tensor) -> int:
    """When a tensor came about."""
    return getattr(tensor.source, "order", 0)


def _whole(region: Region, blocks: Blocks, source: Source) -> list[cst.CSTNode]:
    """The deleted statements, with loops and branches around them taken as a whole."""
    block = blocks.places[region.statement].block
    deleted = set(region.deleted)
    whole: list[cst.CSTNode] = []
    for statement in region.deleted:
        top = blocks.ancestor_in(statement, block)
        if top is None:
            top = statement  # an enclosing scope: the module above an `if`, a with-block
        elif _is_main(top):
            around = [statement, *blocks.around(statement)]
            top = around[max(0, around.index(top) - 1)]  # its statements are like those before it
        if top is region.statement or top in whole:
            continue
        for inner in simple_statements(top):
            if inner not in deleted and not _harmless(inner, top, deleted):
                message = "this statement stands among the model's own and cannot be taken apart from them"
                raise Unconvertible([("K2T109", message, source.span(inner))])
        whole.append(top)
    return whole


def _is_main(statement: cst.CSTNode) -> bool:
    """`if __name__ == "__main__":`."""
    left = statement.test.left if isinstance(statement, cst.If) and isinstance(statement.test, cst.Comparison) else None
    return isinstance(left, cst.Name) and left.value == "__name__"


def _harmless(statement: cst.SimpleStatementLine, top: cst.CSTNode, deleted: set[cst.CSTNode]) -> bool:
    """A plain assignment inside a loop that only serves the model's statements in it."""
    if any(isinstance(s, cst.Pass | cst.Continue) for s in statement.body):
        return True
    return (
        all(isinstance(s, cst.Assign | cst.AugAssign | cst.AnnAssign) for s in statement.body) and top is not statement
    )


def _helpers(reading: Reading) -> list[cst.FunctionDef]:
    """The user's functions in which parts of the model were applied."""
    found: list[cst.FunctionDef] = []
    for record in reading.applies:
        frame: Frame | None = record.frame
        while frame is not None and frame is not reading.value.frame:
            node = frame.function.node if frame.function is not None else None
            if isinstance(node, cst.FunctionDef) and node not in found:
                found.append(node)
            frame = frame.caller if frame.site is not None else frame.parent
    return found


def remaining_names(
    regions: list[Region], source: Source, blocks: Blocks, within: cst.CSTNode | None = None
) -> set[str]:
    """The names that the code reads which no region takes away; only the code `within` a function."""
    gone = {s for r in regions for s in (*r.deleted, *r.functions)}
    construct = {id(r.statement): r.construct for r in regions}
    remaining: set[str] = set()
    for statement in blocks.places:
        around = set(blocks.around(statement))
        if (within is not None and within not in around) or gone & {statement, *around}:
            continue
        if not isinstance(statement, cst.SimpleStatementLine):
            remaining |= _header_names(statement)[0]
        else:
            remaining |= _names_outside(statement, construct.get(id(statement)), source)
    return remaining


def lost_names(
    regions: list[Region], interpreter: Interpreter, blocks: Blocks
) -> tuple[dict[int, set[str]], list[cst.CSTNode]]:
    """Per region: names that its deleted statements define and that remaining code reads.

    Also what reads such names and can do without: assignments with a value that is known can be kept as
    literals (`shape = (x.shape[1], x.shape[2])`), idle statements can go, and so can `x.shape` in others.
    """
    source = interpreter.source
    gone = {id(s) for r in regions for s in (*r.deleted, *r.functions)}
    construct = {id(r.statement): r.construct for r in regions}
    left = [s for s in blocks.places if id(s) not in gone and not any(id(a) in gone for a in blocks.around(s))]
    uses = [(source.span(s).start, blocks.scope(s), *_uses(s, construct.get(id(s)), source)) for s in left]
    constant = {id(s): s for s in blocks.places if is_constant(s, interpreter)}
    starts = {source.span(s).start: s for s in constant.values()}
    by_start = {source.span(s).start: s for s in left}
    result: dict[int, set[str]] = {}
    folded: dict[int, cst.CSTNode] = {}
    for i, region in enumerate(regions):
        scope = blocks.scope(region.statement)
        made: dict[str, list[int]] = {}
        for top in region.deleted:
            for inner in simple_statements(top):
                for name in names_in(inner)[1]:
                    made.setdefault(name, []).append(source.span(inner).start)
        made.pop(region.reading.value.variable, None)
        result[i] = set()
        for name, places in made.items():
            for start in {start for at in places for start in _reads_after(name, at, scope, uses, blocks)}:
                constant_there = starts.get(start)
                if isinstance(constant_there, cst.SimpleStatementLine):
                    folded[start] = constant_there
                elif shapes := shapes_of(by_start[start], name, interpreter):
                    folded |= {id(shape): shape for shape in shapes}
                elif not only_asked(by_start[start], name, interpreter):
                    result[i].add(name)
    return result, list(folded.values())


_Use = tuple[int, "cst.CSTNode | None", set[str], set[str]]


def _uses(statement: cst.CSTNode, hole: Span | None, source: Source) -> tuple[set[str], set[str]]:
    """What a simple statement, or the header of a compound one, reads and binds."""
    if not isinstance(statement, cst.SimpleStatementLine):
        return _header_names(statement)
    return _names_outside(statement, hole, source), names_in(statement)[1]


def _reads_after(name: str, at: int, scope: cst.CSTNode | None, uses: list[_Use], blocks: Blocks) -> Iterator[int]:
    """Where code that stays reads a name before it gives it another value."""
    for start, where, loads, stores in sorted(uses, key=lambda u: u[0]):
        if name not in loads and name not in stores:
            continue
        if where is not scope and (scope is not None or blocks.binds(where, name)):
            continue  # another function's own variable
        if where is scope and start < at:
            continue
        if name in loads:
            yield start
        if name in stores and where is scope:
            return


def _header_names(statement: cst.CSTNode) -> tuple[set[str], set[str]]:
    """What the first line of a compound statement reads and binds."""
    loads: set[str] = set()
    stores: set[str] = set()
    for name in ("test", "iter", "items", "decorators", "bases"):
        part = getattr(statement, name, None)
        for node in part if isinstance(part, Sequence) else [part]:
            if isinstance(node, cst.CSTNode):
                read, bound = names_in(node)
                loads, stores = loads | read, stores | bound
    if isinstance(statement, cst.For):
        stores |= names_in(cst.Assign([cst.AssignTarget(statement.target)], cst.Name("_")))[1]
    if isinstance(statement, cst.FunctionDef | cst.ClassDef):
        stores.add(statement.name.value)
    return loads, stores


def _names_outside(statement: cst.CSTNode, hole: Span | None, source: Source) -> set[str]:
    """The names a statement reads, but for those inside the replaced call."""
    if hole is None:
        return names_in(statement)[0]
    span = source.span(statement)
    text = source.data[span.start : hole.start].decode() + "None" + source.data[hole.end : span.end].decode()
    try:
        return names_in(cst.parse_module(text))[0]
    except cst.ParserSyntaxError:
        return names_in(statement)[0]


def only_blank(text: str) -> bool:
    return all(not line.strip() or line.strip().startswith("#") for line in text.splitlines())


def deletions(regions: list[Region], source: Source) -> list[Span]:
    """The lines that go away: the deleted statements, and what lies blank between them."""
    lines: list[Span] = []
    for region in regions:
        for statement in [*region.deleted, *region.functions]:
            span = source.span(statement)
            decorators = statement.decorators if isinstance(statement, cst.FunctionDef) else ()
            start = source.line_start(source.span(decorators[0]).start if decorators else span.start)
            end = source.line_end(span.end - 1)
            lines.append(Span(start, end, span.line, 1))
        lines += _between(region, source)
    lines.sort(key=lambda s: s.start)
    merged: list[Span] = []
    for span in lines:
        if merged and span.start <= merged[-1].end:
            last = merged[-1]
            merged[-1] = replace(last, end=max(last.end, span.end))
        elif merged and only_blank(source.data[merged[-1].end : span.start].decode()):
            merged[-1] = replace(merged[-1], end=span.end)
        else:
            merged.append(span)
    return merged


def _between(region: Region, source: Source) -> list[Span]:
    """The comments between `model = Sequential()` and its first `model.add(...)`: they go along."""
    if not region.deleted:
        return []
    head = source.span(region.statement)
    first = min((source.span(s) for s in region.deleted), key=lambda s: s.start)
    start, end = source.line_end(head.end - 1), source.line_start(first.start)
    if head.start < first.start and start < end and only_blank(source.data[start:end].decode()):
        return [Span(start, end, first.line, 1)]
    return []


def models_of(values: list[ModelValue]) -> dict[int, list[ModelValue]]:
    """Models by the call that made them: a builder called twice makes two models of one text."""
    groups: dict[int, list[ModelValue]] = {}
    for value in values:
        if value.call is not None:
            groups.setdefault(id(value.call), []).append(value)
    return groups


def unused_assignments(
    region: Region, regions: list[Region], text: str, source: Source, blocks: Blocks
) -> list[cst.CSTNode]:
    """Assignments in the builder's function that only served the code that goes away.

    `text` is the translation of the models: what it reads stays.
    """
    scope = blocks.scope(region.statement)
    if scope is None:
        return []
    served = set().union(*(names_in(s)[0] for s in region.deleted), set())
    remaining = remaining_names(regions, source, blocks, scope) | set(re.findall(r"(?<![.\w])\w+", text))
    found: list[cst.CSTNode] = []
    for statement in blocks.places:
        if not isinstance(statement, cst.SimpleStatementLine) or blocks.scope(statement) is not scope:
            continue
        if statement in region.deleted or statement is region.statement or len(statement.body) != 1:
            continue
        small = statement.body[0]
        if not isinstance(small, cst.Assign) or _does_something(small.value):
            continue
        targets = names_in(statement)[1]
        plain = all(isinstance(t.target, cst.Name) for t in small.targets)
        if plain and targets and targets <= served - remaining:
            found.append(statement)
    return found


_PURE = frozenset("int float str bool len abs round min max sum range list tuple dict sorted".split())


def _does_something(value: cst.BaseExpression) -> bool:
    """Whether evaluating an expression may have an effect."""
    calls = matchers.findall(value, matchers.Call())
    return not isinstance(
        value,
        cst.List
        | cst.Dict
        | cst.Tuple
        | cst.Name
        | cst.Integer
        | cst.Float
        | cst.SimpleString
        | cst.BinaryOperation
        | cst.UnaryOperation
        | cst.Comparison
        | cst.Call,
    ) or any(not (isinstance(c, cst.Call) and isinstance(c.func, cst.Name) and c.func.value in _PURE) for c in calls)


def dropped_statements(region: Region, interpreter: Interpreter) -> list[cst.SimpleStatementLine]:
    """Statements of the helpers that go away which do something else than apply layers."""
    applied = {id(a.statement) for a in interpreter.applies}
    applied |= {id(statement) for _, statement, _ in interpreter.tensor_statements}
    applied |= {id(c.statement) for c in interpreter.user_calls}
    found = []
    for function in region.functions:
        for statement in simple_statements(function):
            small = statement.body[0]
            called = isinstance(small, cst.Expr) and isinstance(small.value, cst.Call)
            if called and id(statement) not in applied:
                found.append(statement)
    return found


def stored_in(statement: cst.CSTNode) -> set[str]:
    """The plain names that a statement, or what it encloses, assigns."""
    return set().union(*(names_in(s)[1] for s in simple_statements(statement)), set())
