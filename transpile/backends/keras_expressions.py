"""Expressions outside of module classes, in Keras's words; what is not PyTorch's keeps its text."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from transpile.backends.edit_plan import EditPlan
from transpile.backends.keras_calls import Written
from transpile.backends.keras_classes import ModuleClass
from transpile.backends.keras_optimizers import parsed
from transpile.frontends.torch_kind import Kind
from transpile.frontends.torch_kinds import Kinds
from transpile.frontends.torch_modes import Modes
from transpile.ir import Edit, Expr, Span
from transpile.references import References
from transpile.splice import Output, apply

_ATOMS = ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant | ast.List | ast.Dict | ast.JoinedStr
UNPARSED = "what it was converted to is no Python"
_BINDING = ast.BinOp | ast.UnaryOp | ast.Compare | ast.BoolOp | ast.Attribute | ast.Subscript | ast.Await | ast.Starred


@dataclass(eq=False)
class Script:
    """What the parts of this back end share."""

    references: References
    kinds: Kinds
    modes: Modes
    output: Output
    plan: EditPlan
    classes: dict[str, ModuleClass]
    skipped: list[Span] = field(default_factory=list)  # classes that are somebody else's, or stay

    def span(self, node: ast.AST) -> Span:
        return self.references.span(self.references.start(node), self.references.end(node))

    def report(self, code: str, node: ast.AST, message: str, hint: str = "") -> None:
        self.output.report(code, self.span(node), message, hint)

    def is_skipped(self, node: ast.AST) -> bool:
        """Whether a node lies in code that is not edited here."""
        start = self.references.start(node) if hasattr(node, "lineno") else -1
        return any(s.start <= start < s.end for s in self.skipped)

    def need(self, written: Written, node: ast.AST) -> str:
        """The text of something written, with its imports, helpers and diagnostics noted."""
        self.output.imports |= set(written.imports)
        for name in written.helpers:
            self.define(name)
        for code, message in written.diagnostics:
            self.report(code, node, message)
        return written.text

    def define(self, name: str, text: str = "") -> None:
        """A helper that is written once, behind the imports."""
        from transpile.backends.keras_helpers import keras_helper

        found = keras_helper(name) if not text else (text, ())
        self.output.imports |= set(found[1])
        body = self.references.tree.body
        imports = [i for i, s in enumerate(body) if isinstance(s, ast.Import | ast.ImportFrom)]
        behind = body[imports[-1] + 1 :] if imports else body
        self.output.define(name, self.references.start(behind[0]) if behind else 0, found[0])


# Called with the expressions of a script (see keras_script_expressions) and one of its nodes.
Rule = Callable[[Any, ast.expr], str | None]


class Expressions:
    """Writes expressions by the first rule that knows them."""

    def __init__(self, script: Script, rules: tuple[Rule, ...]) -> None:
        self.script = script
        self.rules = rules
        self.kinds = script.kinds
        self.references = script.references
        self.cut: dict[int, set[int]] = {}  # call -> arguments that went away
        self.cut_parameters: dict[int, list[str]] = {}  # function -> parameters that went away
        self._texts: dict[int, str | None] = {}

    def kind(self, node: ast.AST) -> Kind:
        return self.kinds.of(node)

    def path(self, node: ast.AST) -> str:
        return self.kinds.path(node)

    def translated(self, node: ast.AST) -> str | None:
        """What an expression becomes as a whole; None where only parts of it may change."""
        if not isinstance(node, ast.expr):
            return None
        key = id(node)
        if key not in self._texts:
            self._texts[key] = None
            for rule in self.rules:
                try:
                    text = rule(self, node)
                    if text is not None:
                        self._texts[key] = self._protected(node, text)
                        break
                except SyntaxError:
                    self.script.report("T2K156", node, f"{self.references.code(node)} was left: {UNPARSED}")
                    break
        return self._texts[key]

    def _protected(self, node: ast.expr, text: str) -> str:
        """In parentheses where the surroundings would tear the text apart."""
        parent = self.references.parents.get(node)
        made = parsed_expression(text)
        called = isinstance(parent, ast.Call) and parent.func is node
        if not (called or isinstance(parent, _BINDING)) or (isinstance(parent, ast.Subscript) and parent.slice is node):
            return text
        enclosed = text.startswith("(") and made.col_offset > 0 and text.endswith(")")
        return text if isinstance(made, _ATOMS) or enclosed else f"({text})"

    def pieces(self, node: ast.AST) -> list[Edit]:
        """The edits that a node needs, outermost first; none where it stays as it is."""
        if isinstance(node, ast.JoinedStr):
            return self._in_string(node)
        if isinstance(node, ast.Lambda) and self.script.is_skipped(node):
            return []
        text = self.translated(node)
        if text is not None:
            return [Edit(self.references.start(node), self.references.end(node), text)]
        found: list[Edit] = []
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr | ast.keyword | ast.comprehension | ast.Slice | ast.arguments | ast.withitem):
                found += self.pieces(child)
        return found

    def text(self, node: ast.AST) -> str:
        """An expression in Keras's words."""
        if id(node) in self.kinds.in_strings and isinstance(node, ast.expr):
            found = self.translated(node)
            return self._respelled(node) or ast.unparse(node) if found is None else found
        start, end = self.references.start(node), self.references.end(node)
        edits = [Edit(e.start - start, e.end - start, e.text) for e in self.pieces(node)]
        return apply(self.references.data[start:end].decode(), edits)

    def _in_string(self, node: ast.JoinedStr) -> list[Edit]:
        """Python 3.11 does not say where the expressions of an f-string stand: they are searched."""
        found = []
        start, end = self.references.start(node), self.references.end(node)
        position = start
        for part in node.values:
            if not isinstance(part, ast.FormattedValue):
                continue
            original = self._source_in_string(part.value, position, end)
            if original is None:
                continue
            position = original[0] + 1
            text = self.translated(part.value)
            if text is None:
                text = self._respelled(part.value)
            if text is not None and text != original[1]:
                text = text.replace('"', "'") if self._uses_double_quotes(node) else text.replace("'", '"')
                found.append(Edit(original[0], original[0] + len(original[1].encode()), text))
        return found

    def _uses_double_quotes(self, node: ast.JoinedStr) -> bool:
        code = self.references.code(node)
        return code.lstrip("frbFRBuU").startswith('"')

    def _source_in_string(self, value: ast.expr, start: int, end: int) -> tuple[int, str] | None:
        """Where an expression of an f-string stands: (offset, text)."""
        data = self.references.data
        position = start
        while (position := data.find(b"{", position, end)) >= 0:
            depth, at = 0, position
            for at in range(position, end):
                char = data[at : at + 1]
                depth += (char in b"{[(") - (char in b"}])")
                if depth == 0 or (depth == 1 and char in b":!" and data[at + 1 : at + 2] != b"="):
                    break
            text = data[position + 1 : at].decode()
            if _same_code(text, value):
                lead = len(text) - len(text.lstrip())
                return position + 1 + lead, text.strip()
            position += 1
        return None

    def _respelled(self, value: ast.expr) -> str | None:
        """An expression without a place of its own, of which a part changes."""
        changed = False
        replaced: dict[int, str] = {}
        for node in ast.walk(value):
            if isinstance(node, ast.expr) and node is not value:
                text = self.translated(node)
                if text is not None:
                    replaced[id(node)] = text
                    changed = True
        return _unparse(value, replaced) if changed else None

    # Arguments

    def expr(self, node: ast.expr) -> Expr:
        """An argument as text, with its value where it is a literal."""
        return parsed(node, self.text(node))

    def arguments(self, call: ast.Call) -> tuple[list[Expr], dict[str, Expr]] | None:
        """The arguments of a call; None where stars hide them."""
        if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
            return None
        return [self.expr(a) for a in call.args], {str(k.arg): self.expr(k.value) for k in call.keywords}


def parsed_expression(text: str) -> ast.expr:
    """The tree of an expression that may go over several lines. Raises SyntaxError if it is none."""
    return ast.parse(f"(\n{text}\n)" if "\n" in text else text, mode="eval").body


def _same_code(text: str, value: ast.expr) -> bool:
    try:
        return ast.dump(ast.parse(text.strip(), mode="eval").body) == ast.dump(value)
    except (SyntaxError, ValueError):
        return False


class _Respell(ast.NodeTransformer):
    def __init__(self, replaced: dict[int, str]) -> None:
        self.replaced = replaced

    def visit(self, node: ast.AST) -> ast.AST:
        if id(node) in self.replaced:
            return ast.parse(self.replaced[id(node)], mode="eval").body
        return self.generic_visit(node)


def _unparse(value: ast.expr, replaced: dict[int, str]) -> str:
    import copy

    originals = list(ast.walk(value))
    copied = copy.deepcopy(value)
    pairs = zip(originals, ast.walk(copied))
    return ast.unparse(_Respell({id(c): replaced[id(o)] for o, c in pairs if id(o) in replaced}).visit(copied))
