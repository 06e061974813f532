"""`self.add_loss(value)` in `call`: the last pass keeps it, and `regularization_loss()` gives it."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.modules import Module
from transpile.backends.bodies.own_compiled import penalises
from transpile.backends.bodies.walker import Env
from transpile.backends.torch_nodes import atomic
from transpile.backends.torch_regularization import Extras
from transpile.interpret.model_layers import layers_of
from transpile.interpret.values import Layer, ModelValue
from transpile.ir import Edit
from transpile.splice import fragment

if TYPE_CHECKING:
    from transpile.backends.bodies.class_text import Methods
    from transpile.backends.bodies.forward import ForwardBody

ATTRIBUTE = "added_loss"


def added(body: ForwardBody, node: ast.Expr, env: Env) -> bool:
    """Whether a statement adds a loss; it is written then. Raises Refusal."""
    call = node.value
    func = call.func if isinstance(call, ast.Call) else None
    if not isinstance(call, ast.Call) or not isinstance(func, ast.Attribute) or func.attr != "add_loss":
        return False
    if not body.owner or ast.unparse(func.value) != body.owner:
        return False
    function = next((o for o in body.references.around(node) if isinstance(o, ast.FunctionDef)), None)
    if function is None or node not in function.body or function.name != "call":
        raise Refusal("K2T189", "add_loss in a branch, in a loop or outside of call", node)
    if len(call.args) != 1 or {k.arg for k in call.keywords} - {"inputs"} or isinstance(call.args[0], ast.Lambda):
        raise Refusal("K2T189", "this use of add_loss", node)
    value = body.plain(call.args[0], env)
    text = body.text(call.args[0], value)
    if value.kind.what == "list":
        raise Refusal("K2T189", "add_loss of several losses", node)
    if value.kind.rank != 0:
        text = f"{text if atomic(text) else f'({text})'}.sum()"
    target = f"{body.owner}.{ATTRIBUTE}"
    text = f"{target} = {text}" if not body.adds_loss else f"{target} = {target} + {text}"
    body.adds_loss = True
    body.edits.append(Edit(body.references.start(node), body.references.end(node), text))
    return True


def _models(methods: Methods) -> list[str]:
    """The attributes that are models with penalties, where `fit` is Keras's own."""
    if methods.own.steps is not None:
        return []
    found = []
    for name, value in (methods.own.instances[0].attributes if methods.own.instances else {}).items():
        if isinstance(value, ModelValue) and _adds(value):
            found.append(name)
    return found


def _adds(model: ModelValue) -> bool:
    """Whether a Sequential or functional model, or one inside of it, adds to the loss."""
    if model.instance is not None:
        return False
    parts = layers_of(model)
    within = any(isinstance(x, Layer) and (x.adds_loss or penalises(x.args)) for x in parts)
    return bool(model.added) or within or any(isinstance(x, ModelValue) and _adds(x) for x in parts)


def write_method(methods: Methods) -> list[str]:
    """Writes `regularization_loss`, where losses are added here or in a part; returns the constructor's lines."""
    own, body = methods.own, methods.body
    parts = []
    inherited = own.parent.attributes if own.parent is not None else {}
    for name, kind in ((n, k) for n, k in body.attributes.items() if n not in inherited):
        items = [kind] if kind.what != "list" else [kind.item, *(kind.items or ())]
        nodes = [n for k in items if k is not None for n in (k.node if isinstance(k.node, tuple) else (k.node,))]
        adding = [n for n in nodes if isinstance(n, Module) and n.own is not None and n.own.adds_loss]
        if adding and kind.what == "list":
            parts.append(f"sum(module.regularization_loss() for module in self.{name})")
        elif adding:
            parts.append(f"self.{name}.regularization_loss()")
    parts += [f"self.{name}.regularization_loss()" for name in _models(methods) if name not in inherited]
    penalties, kept = _kept(methods)
    above = ["super().regularization_loss()"] if own.parent is not None and own.parent.adds_loss else []
    parts = [*above, *Extras(weights=penalties).terms(), *parts]
    own.adds_loss = body.adds_loss or bool(parts)
    if not own.adds_loss or (parts == above and not body.adds_loss):  # nothing, or what it inherits
        return []
    if body.adds_loss and any(len(layer.applications) > 1 for layer in own.layers):
        raise Refusal("K2T189", "add_loss of a layer that is applied several times", own.node)
    terms = [*([f"self.{ATTRIBUTE}"] if body.adds_loss else []), *parts]
    method = next(n for n in own.node.body if isinstance(n, ast.FunctionDef))
    indent = " " * method.col_offset
    what = "What the last pass added to the loss." if body.adds_loss else "The penalty on the weights."
    lines = ["def regularization_loss(self):", f'    """{what}"""',
             f"    return {' + '.join(terms)}"]  # fmt: skip
    at, text = methods.references.end(own.node), "\n".join(lines)
    written = fragment(text, method.col_offset)
    gone = next((e for e in methods.edits if e.end == at and not e.text), None)
    if gone is not None:  # the last method was left out: this one stands in its place
        methods.edits.remove(gone)
        methods.edits.append(Edit(gone.start, at, written))
    else:
        methods.edits.append(Edit(at, at, f"\n\n{indent}{written}"))
    return [*kept, *([f"self.{ATTRIBUTE} = 0.0"] if body.adds_loss else [])]


def _kept(methods: Methods) -> tuple[list[tuple[str, str, str]], list[str]]:
    """The penalties in the words of a method, and the lines that keep what the constructor knows for it."""
    functions = [f for f in map(methods.own.method, ("__init__", "build")) if f is not None]
    local = {n.id for f in functions for n in ast.walk(f) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    local |= {a.arg for f in functions for a in ast.walk(f.args) if isinstance(a, ast.arg)} - {"self"}
    held = {t.attr: s.value for f in functions for s in ast.walk(f) if isinstance(s, ast.Assign)
            for t in s.targets if isinstance(t, ast.Attribute)}  # fmt: skip
    penalties: list[tuple[str, str, str]] = []
    lines: dict[str, None] = {}
    for kind, factor, tensor in dict.fromkeys(methods.penalties):
        names = {n.id for n in ast.walk(ast.parse(factor, mode="eval")) if isinstance(n, ast.Name)} & local
        for name in sorted(names):
            before = held.get(name)
            if before is not None and ast.unparse(before) != name:
                raise Refusal("K2T188", f"the factor {factor} of a regularizer", before)
            if before is None:
                lines[f"self.{name} = {name}"] = None
            factor = re.sub(rf"(?<![\w.]){name}\b", f"self.{name}", factor)
        penalties.append((kind, factor, tensor))
    return penalties, list(lines)
