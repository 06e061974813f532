"""One node in PyTorch's words, checked: what is stored, how it is called, how it is set up."""

from __future__ import annotations

import ast
import re

from transpile.backends import torch_regularization as regularization
from transpile.backends.torch_constraints import statement
from transpile.backends.torch_init import UnknownInitializer, init_lines
from transpile.backends.torch_regularization import Extras, member
from transpile.ir import Node, literal
from transpile.registry import Context, Lowered, by_name, lower

_LAZY = re.compile(r"\bnn\.(Linear|Conv[123]d|ConvTranspose[123]d|BatchNorm[123]d)\(,\s*")


class CannotWrite(Exception):
    """A node that has no translation: its code, its message, the node."""

    def __init__(self, code: str, message: str, node: Node) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.node = node


def lowered(node: Node, style: str, in_class: bool) -> Lowered:
    """The node in PyTorch's words, checked. Raises CannotWrite."""
    op = by_name().get(node.op)
    if op is None:
        raise CannotWrite("K2T101", f"{node.op} is not supported", node)
    try:
        regularization.check(op, node)
    except regularization.Unsupported as error:
        raise CannotWrite(error.code, error.message, node) from None
    result = lower(op, node, Context(node.layout, style, in_class))
    for code, message in result.diagnostics:
        if code < "K2T2":
            raise CannotWrite(code, message, node)
    module, lazy = _LAZY.subn(r"nn.Lazy\1(", result.module)
    notes = result.diagnostics
    if lazy:
        notes = (
            *notes,
            (
                "K2T301",
                "the size of its input is not known: a lazy module, with PyTorch's initial values",
            ),
        )
    if "(," in module or ", ," in module or "= ," in module or "=)" in module:
        raise CannotWrite("K2T111", "the size of this layer's input is not known", node)
    return Lowered(module, result.call, result.setup, result.helpers, notes)


def common_setup(node: Node) -> list[str]:
    """`trainable=False` and `weights=[...]` of the layer's constructor."""
    lines = []
    weights = node.args.get("common:weights")
    if weights is not None and weights.value is not None:
        inner = re.fullmatch(r"[\[(]\s*([^,]+?)\s*,?\s*[\])]", weights.text, re.S)
        if node.op != "embedding" or inner is None:
            raise CannotWrite("K2T104", "weights= of a layer cannot be converted", node)
        lines.append("{module}.weight.data.copy_(torch.as_tensor(" + inner.group(1) + "))")
    trainable = node.args.get("common:trainable")
    if trainable is not None and trainable.value is not True:
        if node.op.startswith("batch_norm"):
            raise CannotWrite("K2T118", "a frozen batch norm also stops updating its statistics", node)
        flag = "False" if trainable.value is False else trainable.text
        lines.append("{module}.requires_grad_(" + flag + ")")
    return lines


def initial(node: Node, target: str, style: str) -> list[str]:
    """The statements that give a module Keras's initial values. Raises CannotWrite."""
    try:
        return init_lines(node, target, style)
    except UnknownInitializer as error:
        raise CannotWrite("K2T107", str(error), node) from None


def has_extras(node: Node) -> bool:
    """Whether the layer has penalties or bounds, which need a class around it."""
    if node.op in ("model", "block"):
        return any(name.startswith("has:") for name in node.args)
    op = by_name()[node.op]
    return bool(regularization.penalties(op, node, "") or regularization.weights_with(op, node, "_constraint"))


def add_extras(extras: Extras, node: Node, target: str) -> tuple[str, ...]:
    """Adds the penalties and bounds of a layer; returns the helpers they need."""
    if node.op in ("model", "block"):
        extras.parts += [target] if "has:regularization" in node.args else []
        extras.noted |= "has:notes" in node.args
        extras.bounded += [target] if "has:constraints" in node.args else []
        return ()
    op = by_name()[node.op]
    penalties = regularization.penalties(op, node, target)
    extras.weights += penalties
    helpers: tuple[str, ...] = ("orthogonality",) if any(p[0] == "orthogonality" for p in penalties) else ()
    frozen = node.args.get("common:trainable", literal(True)).value is False
    for expr, parameter, line in () if frozen else regularization.weights_with(op, node, "_constraint"):
        try:
            text, needed = statement(expr, line, member(target, parameter))
        except regularization.Unsupported as error:
            raise CannotWrite(error.code, error.message, node) from None
        extras.bounds.append(text)
        helpers += needed
    return helpers


def construct_helper(node: Node) -> str:
    """The construction of a helper's class; "=name" marks a keyword argument."""
    given = {n: e for n, e in node.args.items() if n != "class" and not n.startswith(("call:", "has:"))}
    parts = [f"{n[1:]}={e.text}" if n.startswith("=") else e.text for n, e in given.items()]
    return f"{node.args['class'].text}({', '.join(parts)})"


def filled(template: str, values: dict[str, str]) -> str:
    """The call template with its fields; operators' operands are put in parentheses if need be."""

    def put(match: re.Match[str]) -> str:
        value = values.get(match.group(1))
        if value is None:
            return match.group(0)
        bare = template == match.group(0) or match.group(1) in ("module", "xs")
        return value if bare or atomic(value) or _inside_call(template, match.start()) else f"({value})"

    return re.sub(r"\{(\w+)\}", put, template)


def _inside_call(template: str, position: int) -> bool:
    """Whether the field stands alone as an argument: between a bracket or comma and another."""
    before = template[:position].rstrip()[-1:]
    after = template[position:].partition("}")[2].lstrip()[:1]
    return before in ("(", ",", "[", "=") and after in (")", ",", "]")


def atomic(text: str) -> bool:
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return False
    return isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant)


def closed(text: str) -> str:
    """A text for before an attribute or operator."""
    return text if atomic(text) else f"({text})"


def parsed(code: str) -> ast.expr:
    """An expression; an empty text where a text is none."""
    try:
        return ast.parse(f"({code})", mode="eval").body
    except SyntaxError:
        return ast.Constant("")
