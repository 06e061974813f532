"""`nn.Module` classes become `keras.Model` and `keras.layers.Layer` classes, edited in place.

The file is read several times: until the modules that attributes hold and the ranks of tensors
are known, then once more to write.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from transpile.backends.body_initial import InitialWalker
from transpile.backends.body_uses import Uses
from transpile.backends.keras_helpers import keras_helper
from transpile.backends.keras_named import constructions, holds_names, names_in, tables
from transpile.backends.keras_shell import reserved_names, shell_edits
from transpile.frontends.torch_initial import read_initial
from transpile.frontends.torch_lightning import Lightning
from transpile.frontends.torch_program import ClassInfo, FunctionInfo, Program
from transpile.ir import Edit, Span
from transpile.ops._functions import Left
from transpile.references import NEUTRAL, References
from transpile.splice import Output
from transpile.torch_values import Chain, Container, Either, Instance, Items, Many, Value

ROUNDS = 6


@dataclass(frozen=True)
class ModuleClass:
    """What the rest of the file must know of a converted class.

    `params` are the parameters of `forward` without self. `training`: it matters whether it is
    called in training mode. `renamed` maps attributes and methods to their new names, where Keras
    keeps the old ones for itself. `inner`: only other classes of the file make it. `converted`
    is False for a class that was left as it was.
    """

    name: str
    node: ast.ClassDef
    span: Span
    params: tuple[str, ...] = ()
    training: bool = False
    inner: bool = False
    converted: bool = True
    renamed: dict[str, str] = field(default_factory=dict)
    info: ClassInfo | None = None
    named: dict[int, str] = field(default_factory=dict)  # texts of what the code outside gives to classes


def convert_classes(
    references: References, output: Output, layout: str, style: str, lightning: Mapping[str, Lightning]
) -> tuple[ModuleClass, ...]:
    """Edits every module class of the file; one that can't be converted gets a T2K101."""
    program = Program(references, lightning)
    if layout == "native":
        for info in program.classes.values():
            for method in info.methods.values():
                method.boundary = False
    return Conversion(program, output, style).run()


class Conversion:
    """The classes of one file, and the functions that make modules for them."""

    def __init__(self, program: Program, output: Output, style: str) -> None:
        self.program, self.output, self.style = program, output, style
        self.references = program.references
        self.uses = Uses()
        self.named: dict[int, str] = {}
        self.initial = read_initial(program)
        self.uses.initial = self.initial.by_call
        for info in program.lightning.values():
            for statement in info.gone:
                self.initial.drop(statement)
            self.initial.instead |= {id(s): indented(s, lines) for s, lines in info.kept.items()}

    def run(self) -> tuple[ModuleClass, ...]:
        program = self.program
        for module in program.classes.values():
            module.renamed = reserved_names(module)
        for number in range(ROUNDS):
            self.uses.late = number >= ROUNDS // 2
            self.see_makers()
            for function, owner in self.functions():
                function.returned = function.returns or function.returned
                function.returns = None if number < ROUNDS - 1 else function.returns
                self.read(function, owner, final=False)
            for info in self.program.every_function():
                info.turn()
        self.see_makers(final=True)
        written = [(self.read(function, owner, final=True), function, owner) for function, owner in self.functions()]
        self.find_problems(written)
        for walker, function, owner in written:
            if self.is_kept(function, owner):
                self.write(walker, function)
        for module in program.classes.values():
            self.finish(module)
        self.drop_initial()
        return tuple(self.summary(module) for module in program.classes.values())

    def functions(self) -> Iterator[tuple[FunctionInfo, ClassInfo | None]]:
        """Constructors first, then the other methods, then the helpers."""
        program = self.program
        for name in program.functions:
            if name in program.helpers and id(program.functions[name].node) not in self.initial.gone:
                yield program.functions[name], None
        for only_init in (True, False):
            for info in program.classes.values():
                for name, method in info.methods.items():
                    if (name == "__init__") == only_init and id(method.node) not in self.initial.gone:
                        yield method, info

    def see_makers(self, final: bool = False) -> None:
        """What the code outside gives to the constructors of the classes, and holds for them."""
        walker = self.walker(None, None, final)
        self.see_tables(walker, final)
        for node in constructions(self.program):
            try:
                walker.expr(node)
            except Left:
                continue
            self.named |= names_in(walker, node) if final else {}
            if final and self.named:
                self.note(walker, self.references.start(node))

    def see_tables(self, walker: InitialWalker, final: bool) -> None:
        """Dicts of classes and functions at the level of the module."""
        for node in tables(self.program):
            target = node.targets[0]
            assert isinstance(target, ast.Name)
            try:
                found = walker.expr(node.value)
            except Left as left:
                self.report(left.code, node, left.message) if final else None
                continue
            if not holds_names(found.value):
                continue
            self.program.globals[target.id] = found.value
            if final:
                start, end = self.references.start(node.value), self.references.end(node.value)
                self.output.edit(self.references.span(start, end), walker.qualified(found.text, ""))
                self.note(walker, self.references.start(node))

    def walker(self, info: FunctionInfo | None, owner: ClassInfo | None, final: bool) -> InitialWalker:
        walker = InitialWalker(self.program, info, owner)
        walker.configure(self.uses, self.style, self.initial, final)
        return walker

    def read(self, info: FunctionInfo, owner: ClassInfo | None, final: bool) -> InitialWalker:
        if owner is not None and info.name == "__init__":
            owner.attributes = {}
        walker = self.walker(info, owner, final)
        walker.run()
        return walker

    # What can't be converted

    def find_problems(self, written: list[tuple[InitialWalker, FunctionInfo, ClassInfo | None]]) -> None:
        """The first problem of each class; a class that uses one with a problem has one, too."""
        self.failed_helpers: set[str] = set()
        for walker, info, owner in written:
            if walker.problem is None:
                continue
            left, node = walker.problem
            if owner is not None and owner.problem is None:
                owner.problem = (left.code, left.message, node)
            elif owner is None:
                self.failed_helpers.add(info.name)
                self.report(left.code, node, left.message)
        for module in self.program.classes.values():
            self.find_left(module, [e for w, _, owner in written if owner is module for e in w.edits])
        changed = True
        while changed:
            changed = False
            for module in self.program.classes.values():
                if module.problem is None and (other := self.broken_part(module)):
                    module.problem = ("T2K101", f"it uses {other}, which was left as it was", module.node)
                    changed = True

    def find_left(self, info: ClassInfo, edits: list[Edit]) -> None:
        """A name of PyTorch in the class that no edit covers is a problem."""
        if info.problem is not None:
            return
        start, end = self.program.span_of(info.node)
        spans = [(e.start, e.end) for e in (*edits, *shell_edits(self.program, info, Output()))]
        spans += [self.program.span_of(s) for s in self.initial.statements]
        for reference in self.references.references:
            inside = start <= reference.start and reference.end <= end and not NEUTRAL.match(reference.path)
            if (
                inside
                and not NEUTRAL.match(reference.path)
                and not any(a <= reference.start and reference.end <= b for a, b in spans)
            ):
                info.problem = ("T2K103", f"{reference.path} has no counterpart there", reference.node)
                return

    def broken_part(self, info: ClassInfo) -> str:
        if info.base is not None and info.base.problem:
            return info.base.name
        for node in ast.walk(info.node):
            if isinstance(node, ast.Name) and node.id in self.failed_helpers:
                return node.id
            other = self.program.classes.get(node.id) if isinstance(node, ast.Name) else None
            if other is not None and other is not info and other.problem:
                return other.name
        held = [
            i.of.name
            for value in info.attributes.values()
            for i in instances(value)
            if isinstance(i.of, ClassInfo) and i.of.problem
        ]
        return held[0] if held else ""

    def is_kept(self, info: FunctionInfo, owner: ClassInfo | None) -> bool:
        """Whether the edits of this function are made."""
        if owner is not None:
            return owner.problem is None
        users = [
            c
            for c in self.program.classes.values()
            if any(isinstance(n, ast.Name) and n.id == info.name for n in ast.walk(c.node))
        ]
        return info.name not in self.failed_helpers and not any(c.problem for c in users)

    def report(self, code: str, node: ast.AST, message: str) -> None:
        start, end = self.references.start(node), self.references.end(node)
        self.output.report(code, self.references.span(start, end), message)

    # Writing

    def write(self, walker: InitialWalker, info: FunctionInfo) -> None:
        output = self.output
        output.edits += walker.edits
        for node, message in walker.warnings:
            self.report("T2K203", node, message)
        self.note(walker, self.references.start(info.node))
        if info.owner is None:
            start, end = self.program.span_of(info.node)
            output.claimed.append(self.references.span(start, end))

    def note(self, walker: InitialWalker, offset: int) -> None:
        """What the text at a place needs: imports, and helpers in front of it."""
        self.output.imports |= walker.imports
        if walker.uses_ops:
            self.output.imports.add("from keras import ops")
        for name in sorted(walker.helpers):
            text, imports = keras_helper(f"Packed{name}" if name in self.uses.packed else name)
            self.output.define(name, offset, text)
            self.output.imports |= set(imports)

    def finish(self, info: ClassInfo) -> None:
        """The class statement itself, or why the class stays."""
        references = self.references
        start, end = self.program.span_of(info.node)
        span = references.span(start, end)
        if info.problem is not None:
            code, message, node = info.problem
            at = references.start(node)
            head = references.span(start, references.start(info.node.body[0]))
            place = references.span(at, references.end(node)) if node is not info.node else head
            text = f"the class {info.name} was left as it was: {message}"
            self.output.report(code, place, text)
            self.output.report("T2K101", references.span(start, start + 5), text) if code != "T2K101" else None
            self.output.claimed.append(span)
            return
        for edit in shell_edits(self.program, info, self.output):
            self.output.edits.append(edit)
        self.output.claimed.append(span)

    def drop_initial(self) -> None:
        """Statements about initial values outside of classes, and what was not understood of any."""
        for node, message in self.initial.problems:
            start, end = self.references.start(node), self.references.end(node)
            text = f"initial values are set by {message}"
            self.output.report("T2K204", self.references.span(start, end), text)
        classes = [c.node for c in self.program.classes.values()]
        for statement in self.initial.statements:
            around = list(self.references.around(statement))
            if any(c in around for c in classes):
                owner = next(c for c in self.program.classes.values() if c.node in around)
                if not (statement in owner.node.body and owner.problem is None):
                    continue
            if any(id(a) in self.initial.gone for a in around):
                continue
            start, end = self.references.start(statement), self.references.end(statement)
            self.output.edit(self.references.span(start, end), "")

    def summary(self, info: ClassInfo) -> ModuleClass:
        start, end = self.program.span_of(info.node)
        forward = info.method("forward")
        params = tuple(a.arg for a in forward.parameters) if forward else ("x",)
        training = self.program.depends_on_mode(info)
        done = info.problem is None
        span = self.references.span(start, end)
        facts = (params, training, info.inner, done, info.renamed, info, self.named)
        return ModuleClass(info.name, info.node, span, *facts)


def indented(statement: ast.stmt, lines: list[str]) -> str:
    """Lines in the place of a statement."""
    return ("\n" + " " * statement.col_offset).join(lines)


def instances(value: Value) -> Iterator[Instance]:
    """The objects of module classes in a value."""
    match value:
        case Instance():
            yield value
        case Either(values=parts) | Items(items=parts):
            for part in parts:
                yield from instances(part)
        case Chain(items=parts, each=each):
            for part in (*parts, *((each,) if each is not None else ())):
                yield from instances(part)
        case Many(each=each) | Container(each=each):
            yield from instances(each)
