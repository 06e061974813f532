"""Shapes that are known of the calls that were followed: what `build` is given, what reaches a layer."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from transpile.backends.bodies.kinds import Kind, literal_kind
from transpile.backends.bodies.statements import Body
from transpile.backends.bodies.walker import Env, Value
from transpile.ir import FREE, Shape
from transpile.references import References

_NOTHING = object()


class BuildBody(Body):
    """Walks `build`, too: what it reads of its shape is a number by the time that objects are made.

    `build_given` is its parameter, and the shapes that the objects of the class were built with.
    """

    build_given: tuple[str, Sequence[object]] = ("", ())

    def _Subscript(self, node: ast.Subscript, env: Env) -> Value:
        return self._size(node) or super()._Subscript(node, env)

    def _Call(self, node: ast.Call, env: Env) -> Value:
        return self._size(node) or super()._Call(node, env)

    def _size(self, node: ast.expr) -> Value | None:
        text = size_of(node, *self.build_given)
        return self.replaced(node, text, literal_kind(ast.literal_eval(text))) if text else None


def size_of(node: ast.expr, name: str, given: Sequence[object]) -> str:
    """The text of `input_shape[-1]`, `len(input_shape)` and the like; "" where it is not known or not one number.

    `given` are the shapes that the objects of the class were built with.
    """
    found = [_read(node, name, value) for value in given] if name else []
    if not found or any(v is _NOTHING or v != found[0] for v in found) or not _is_known(found[0]):
        return ""
    return repr(found[0])


def only_checks(node: ast.stmt, name: str) -> bool:
    """Whether a statement only stops the program for shapes that it cannot take, which it was not given."""
    stops = isinstance(node, ast.If) and not node.orelse and all(isinstance(s, ast.Raise) for s in node.body)
    test = node.test if isinstance(node, ast.Assert) or (isinstance(node, ast.If) and stops) else None
    if test is None or not name:
        return False
    names = {n.id for n in ast.walk(test) if isinstance(n, ast.Name)}
    return name in names and names <= {name, "len", "isinstance", "list", "tuple"}


def _is_known(value: object) -> bool:
    if isinstance(value, tuple | list):
        return bool(value) and all(_is_known(v) for v in value)
    return isinstance(value, int)


def _read(node: ast.expr, name: str, value: object) -> object:
    match node:
        case ast.Name(id=found):
            return value if found == name else _NOTHING
        case ast.Call(func=ast.Name(id="len" | "int" as function), args=[inner], keywords=[]):
            read = _read(inner, name, value)
            if function == "len":
                return len(read) if isinstance(read, tuple | list) else _NOTHING
            return read if isinstance(read, int) else _NOTHING
        case ast.Subscript(value=inner, slice=index):
            read, at = _read(inner, name, value), _index(index)
            try:
                return read[at] if isinstance(read, tuple | list) and isinstance(at, int | slice) else _NOTHING
            except IndexError:
                return _NOTHING
    return _NOTHING


def _index(node: ast.expr) -> object:
    try:
        if isinstance(node, ast.Slice):
            parts = (node.lower, node.upper, node.step)
            return slice(*(None if p is None else ast.literal_eval(p) for p in parts))
        return ast.literal_eval(node)
    except ValueError:
        return _NOTHING


def as_followed(
    references: References, inputs: Sequence[tuple[ast.expr, Value]], shapes: Sequence[Shape | None]
) -> list[tuple[ast.expr, Value]]:
    """The arguments of a layer, those of which the text tells no shape as they were where calls were followed."""
    if len(shapes) != len(inputs):
        return list(inputs)
    return [
        (n, replace(v, kind=_followed(v.kind, shape, _is_parameter(references, n))))
        for (n, v), shape in zip(inputs, shapes)
    ]


def _followed(kind: Kind, shape: Shape | None, parameter: bool) -> Kind:
    tensor_like = kind.what == "tensor" or (kind.what == "unknown" and parameter)
    if kind.shape is not None or shape is None or not tensor_like or kind.layout != "keras":
        return kind
    return replace(kind, what="tensor", shape=(FREE,) * len(shape))


def _is_parameter(references: References, node: ast.expr) -> bool:
    """Whether an expression is a parameter that its function never assigns."""
    function = next((o for o in references.around(node) if isinstance(o, ast.FunctionDef)), None)
    if function is None or not isinstance(node, ast.Name):
        return False
    stored = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return node.id in {a.arg for a in function.args.args} - stored
