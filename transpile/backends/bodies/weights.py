"""Weights that a layer of the user's makes: parameters and buffers, with their initial values."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.kinds import tensor
from transpile.backends.bodies.walker import Env, Value
from transpile.ir import Expr, Node, Shape
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
    for name in ("regularizer", "constraint"):
        if name in given and not (isinstance(given[name], ast.Constant) and given[name].value is None):  # type: ignore[attr-defined]
            raise Refusal("K2T188", f"a {name} of a weight of your own", node)
    start = methods.references.start(node)
    known = [i.weights[start] for i in methods.own.instances if start in i.weights]
    shape = _shape(methods, [s for s, _ in known])
    text = _extents(methods, given.get("shape"), shape, env)
    initializer = known[0][1] if known else None
    trainable = given.get("trainable")
    fixed = isinstance(trainable, ast.Constant) and trainable.value is False
    if not fixed and trainable is not None and not isinstance(trainable, ast.Constant):
        raise Refusal("K2T188", "a weight of which only the program knows whether it is trained", node)
    lines = _initial(initializer, shape, node)
    target = _target(methods, node)
    methods.inits.append((target, [line.replace("{module}", target) for line in lines]))
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
        reads = any(isinstance(n, ast.Name) and n.id == methods.build_name for n in ast.walk(part))
        if reads:
            size = shape[number].value if shape is not None and number < len(shape) else None
            if not isinstance(size, int):
                raise Refusal("K2T188", f"the size `{methods.references.code(part)}` of a weight is not known", part)
            text = str(size)
        texts.append(text)
    return ", ".join(texts)


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
