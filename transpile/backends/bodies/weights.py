"""Weights that a layer of the user's makes: parameters and buffers, with their initial values."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.kinds import tensor
from transpile.backends.bodies.walker import Env, Value
from transpile.backends.torch_regularization import Unsupported, factors
from transpile.interpret.own_weight import OwnWeight
from transpile.interpret.same_values import alike, told
from transpile.ir import FREE, UNKNOWN, Expr, Node, Shape, literal
from transpile.ops.initializer import UnknownInitializer, initialize
from transpile.registry import by_name

if TYPE_CHECKING:
    from transpile.backends.bodies.class_init import Making

_LINES = {
    0: "w: -> w:",
    1: "w: o -> w: o",
    2: "w: i o -> w: i o",
    3: "w: k i o -> w: k i o",
    4: "w: h k i o -> w: h k i o",
}


def weight(methods: Making, node: ast.Call, env: Env) -> Value:
    """`self.add_weight(...)` as `nn.Parameter(torch.empty(...))`; its values come later."""
    given = {str(k.arg): k.value for k in node.keywords}
    positional = [a for a in node.args if not (isinstance(a, ast.Constant) and isinstance(a.value, str))]
    names = [n for n in ("shape", "initializer") if n not in given]
    given |= dict(zip(names, positional))
    start = methods.references.start(node)
    known = [i.weights[start] for i in methods.own.instances if start in i.weights]
    known = known or [_written(given, node)]
    shape = _shape(methods, [w.shape for w in known])
    text = _extents(methods, given.get("shape"), shape, env)
    initializer = _shared(methods, "initializer", [w.initializer for w in known], node)
    if _shared(methods, "constraint", [w.constraint for w in known], node) is not None:
        raise Refusal("K2T188", "a constraint of a weight of your own", node)
    regularizer = _shared(methods, "regularizer", [w.regularizer for w in known], node)
    trainable = given.get("trainable")
    fixed = isinstance(trainable, ast.Constant) and trainable.value is False
    if not fixed and trainable is not None and not isinstance(trainable, ast.Constant):
        raise Refusal("K2T188", "a weight of which only the program knows whether it is trained", node)
    lines = _initial(initializer, shape, node)
    target = _target(methods, node)
    if regularizer is not None and not fixed:  # Keras penalises what it trains
        methods.check_always(node)
        methods.penalties += _penalties(regularizer, target, node)
    methods.initialized(target, [line.replace("{module}", target) for line in lines], node)
    made = f"nn.Parameter(torch.empty({text}){', requires_grad=False' if fixed else ''})"
    return methods.body._whole(node, made, tensor("float", shape))


def _shape(methods: Making, shapes: list[Shape | None]) -> Shape | None:
    frames: list[object] = []
    return methods.classes.modules.shape(shapes, frames)  # type: ignore[arg-type]


def _extents(methods: Making, given: ast.expr | None, shape: Shape | None, env: Env) -> str:
    """The arguments of torch.empty."""
    if given is None:
        return "()"
    parts = given.elts if isinstance(given, ast.Tuple | ast.List) else [given]
    if not parts:
        return "()"
    texts = []
    for number, part in enumerate(parts):
        value = methods.body.visit(part, env)
        text = methods.body.text(part, value)
        tree = ast.walk(ast.parse(text, mode="eval"))
        reads = any(isinstance(n, ast.Name) and n.id == methods.build_name for n in tree)
        if reads and not isinstance(given, ast.Tuple | ast.List) and shape is not None and len(shape) != 1:
            raise Refusal("K2T188", f"the shape `{methods.references.code(part)}` of a weight is not known", part)
        if reads:
            size = shape[number].value if shape is not None and number < len(shape) else None
            if not isinstance(size, int):
                raise Refusal("K2T188", f"the size `{methods.references.code(part)}` of a weight is not known", part)
            text = str(size)
        texts.append(text)
    return ", ".join(texts)


def _written(given: dict[str, ast.expr], node: ast.Call) -> OwnWeight:
    """What the text says of a weight that no object of this file makes."""
    extents = given.get("shape")
    parts = extents.elts if isinstance(extents, ast.Tuple | ast.List) else [extents] if extents is not None else []
    rules: list[Expr | None] = []
    for name in ("initializer", "regularizer", "constraint"):
        rule = given.get(name)
        if rule is not None and not isinstance(rule, ast.Constant):
            raise Refusal("K2T188", f"nothing is known of the {name} of this weight", node)
        rules.append(literal(rule.value) if isinstance(rule, ast.Constant) else None)
    return OwnWeight((FREE,) * len(parts), *rules)


def _shared(methods: Making, what: str, found: list[Expr | None], node: ast.Call) -> Expr | None:
    """An initializer, regularizer or constraint that the objects of the class share; None for none."""
    given = [e if e is not None and e.value is not None else None for e in found]
    first, *others = given
    if first is None and not any(others):
        return None
    if any(e is not None and e.value is UNKNOWN for e in given):
        raise Refusal("K2T107", f"the {what} of this weight is only known at run time", node)
    home = methods.classes.interpreter.source.span(methods.own.cls.node)
    if first is None or not all(e is not None and alike(e.value, first.value, home) for e in others):
        raise Refusal("K2T107", f"the {what} of this weight differs from object to object", node)
    try:
        return told(first, home)
    except ValueError as error:
        raise Refusal("K2T107", str(error), node) from None


def _penalties(regularizer: Expr, target: str, node: ast.Call) -> list[tuple[str, str, str]]:
    """What a regularizer adds to the loss: kind, factor, tensor."""
    try:
        l1, l2 = factors(regularizer)
    except Unsupported as error:
        raise Refusal(error.code, error.message, node) from None
    return [(kind, factor, target) for kind, factor in (("l1", l1), ("l2", l2)) if factor]


def _initial(initializer: Expr | None, shape: Shape | None, node: ast.Call) -> list[str]:
    """The statements for the initial values; Keras's own are Glorot's."""
    expr = initializer if initializer is not None and initializer.value is not None else Expr("", "glorot_uniform")
    line = _LINES.get(len(shape) if shape is not None else 2, "")
    try:
        return initialize(expr, "{module}", by_name()["dense"], line, Node("dense"))
    except UnknownInitializer as error:
        raise Refusal("K2T107", str(error), node) from None


def _target(methods: Making, node: ast.Call) -> str:
    """`self.w` of `self.w = self.add_weight(...)`."""
    parent = methods.references.parents.get(node)
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Attribute):
        return methods.references.code(parent.targets[0])
    raise Refusal("K2T188", "a weight that is not an attribute of its own", node)
