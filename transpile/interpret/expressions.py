"""Evaluates expressions: literals, names, arithmetic, subscripts, comprehensions."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import libcst as cst

from transpile.interpret import attributes
from transpile.interpret.asked import History, ObjectUse
from transpile.interpret.model_choice import ModelChoice
from transpile.interpret.values import (
    Array,
    Bound,
    Frame,
    Function,
    KerasObject,
    Layer,
    ModelValue,
    Ref,
    Tensor,
)  # fmt: skip
from transpile.ir import UNKNOWN
from transpile.names import canonical

if TYPE_CHECKING:
    from transpile.interpret.interpreter import Interpreter

_BINARY: dict[type[cst.CSTNode], tuple[str, Callable[[object, object], object]]] = {
    cst.Add: ("+", operator.add),
    cst.Subtract: ("-", operator.sub),
    cst.Multiply: ("*", operator.mul),
    cst.Divide: ("/", operator.truediv),
    cst.FloorDivide: ("//", operator.floordiv),
    cst.Modulo: ("%", operator.mod),
    cst.Power: ("**", operator.pow),
    cst.MatrixMultiply: ("@", operator.matmul),
    cst.BitAnd: ("&", operator.and_),
    cst.BitOr: ("|", operator.or_),
    cst.LeftShift: ("<<", operator.lshift),
    cst.RightShift: (">>", operator.rshift),
}
_COMPARE: dict[type[cst.CSTNode], Callable[[Any, Any], object]] = {
    cst.Equal: operator.eq,
    cst.NotEqual: operator.ne,
    cst.LessThan: operator.lt,
    cst.LessThanEqual: operator.le,
    cst.GreaterThan: operator.gt,
    cst.GreaterThanEqual: operator.ge,
    cst.Is: operator.is_,
    cst.IsNot: operator.is_not,
    cst.In: lambda a, b: a in b,
    cst.NotIn: lambda a, b: a not in b,
}
_UNARY: dict[type[cst.CSTNode], Callable[[Any], object]] = {
    cst.Minus: operator.neg,
    cst.Plus: operator.pos,
    cst.BitInvert: operator.invert,
}
_PLAIN = (
    int,
    float,
    complex,
    str,
    bytes,
    bool,
    type(None),
    tuple,
    list,
    dict,
    set,
    frozenset,
    range,
    slice,
)
_TOO_LARGE = 10**12
_CONSTANTS: dict[str, object] = {"True": True, "False": False, "None": None}


def is_plain(value: object) -> bool:
    """Whether a value is ordinary Python without an unknown part, safe to compute with."""
    if isinstance(value, tuple | list | set | frozenset):
        return all(is_plain(v) for v in value)
    if isinstance(value, dict):
        return all(is_plain(k) and is_plain(v) for k, v in value.items())
    if isinstance(value, int):
        return abs(value) < _TOO_LARGE
    return isinstance(value, _PLAIN)


def attempt(function: Callable[..., object], *args: object) -> object:
    """A pure operation on plain values; UNKNOWN where Python would raise."""
    try:
        return function(*args)
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, MemoryError):
        return UNKNOWN


def truth(value: object) -> bool | None:
    """The truth of a value, None when it is not known."""
    if value is UNKNOWN or isinstance(value, Array | Tensor):
        return None
    if isinstance(value, tuple | list | dict | set):
        return bool(value)
    return bool(value) if is_plain(value) else True


class Expressions:
    """The evaluator; its results are plain values, those of values.py, or UNKNOWN."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._literals: dict[cst.CSTNode, object] = {}

    def evaluate(self, node: cst.BaseExpression, frame: Frame) -> object:
        self.interpreter.step()
        method = getattr(self, "_" + type(node).__name__, None)
        return method(node, frame) if method else UNKNOWN

    def _literal(self, node: cst.Integer | cst.Float | cst.SimpleString, frame: Frame) -> object:
        if node not in self._literals:
            self._literals[node] = node.evaluated_value
        return self._literals[node]

    _Integer = _Float = _Imaginary = _SimpleString = _literal

    def _ConcatenatedString(self, node: cst.ConcatenatedString, frame: Frame) -> object:
        value = node.evaluated_value
        return UNKNOWN if value is None else value

    def _FormattedString(self, node: cst.FormattedString, frame: Frame) -> object:
        parts, known = [], True
        for part in node.parts:
            if isinstance(part, cst.FormattedStringText):
                parts.append(part.value)
                continue
            assert isinstance(part, cst.FormattedStringExpression)
            value = self.evaluate(part.expression, frame)
            known &= is_plain(value) and not part.format_spec and not part.conversion
            parts.append(str(value) if known else "")  # the text of a layer is that of all that it reaches
        return "".join(parts) if known else UNKNOWN

    def _Name(self, node: cst.Name, frame: Frame) -> object:
        if node.value in _CONSTANTS:
            return _CONSTANTS[node.value]
        return self.interpreter.lookup(node.value, frame)

    def _Attribute(self, node: cst.Attribute, frame: Frame) -> object:
        target = self.evaluate(node.value, frame)
        if isinstance(target, Ref):
            return Ref(canonical(f"{target.path}.{node.attr.value}"))
        if isinstance(target, ModelValue | Layer):
            self.interpreter.note_attribute(node, target)
            value = attributes.get(self.interpreter, target, node.attr.value)
            self.interpreter.note_picked(node, value)
            return value
        if isinstance(target, ModelChoice):
            return self._of_one(target, node)
        if isinstance(target, History):
            self.interpreter.note_history(node, target)
            return UNKNOWN
        if isinstance(target, KerasObject):
            target.uses.append(ObjectUse(node, self.interpreter.order))
        value = attributes.get(self.interpreter, target, node.attr.value)
        shape = isinstance(value, tuple) if isinstance(target, Tensor) else isinstance(value, int)
        if shape and (isinstance(target, Tensor) or id(node.value) in self.interpreter.shapes_asked):
            self.interpreter.note_shape(node, value)
        return value

    def _of_one(self, choice: ModelChoice, node: cst.Attribute) -> object:
        """An attribute of a model that is one of several."""
        found = []
        for model in choice.models:
            self.interpreter.note_attribute(node, model)
            found.append(attributes.get(self.interpreter, model, node.attr.value))
            self.interpreter.note_picked(node, found[-1])
        if all(isinstance(value, Bound) for value in found):
            return Bound(choice, node.attr.value)
        return self.interpreter.either(found, node)

    def _Call(self, node: cst.Call, frame: Frame) -> object:
        value = self.interpreter.calls.call(node, frame)
        if isinstance(value, tuple | list) and isinstance(node.func, cst.Attribute):
            asked = id(node.func.value) in self.interpreter.shapes_asked
            if node.func.attr.value == "get_shape" or (asked and node.func.attr.value == "as_list"):
                self.interpreter.note_shape(node, value)
        return value

    def _elements(self, elements: Iterable[cst.BaseElement], frame: Frame) -> list[object] | None:
        values: list[object] = []
        for element in elements:
            value = self.evaluate(element.value, frame)
            if isinstance(element, cst.StarredElement):
                if not isinstance(value, tuple | list | range):
                    return None
                values += list(value)
            else:
                values.append(value)
        return values

    def _Tuple(self, node: cst.Tuple, frame: Frame) -> object:
        values = self._elements(node.elements, frame)
        return UNKNOWN if values is None else tuple(values)

    def _List(self, node: cst.List, frame: Frame) -> object:
        values = self._elements(node.elements, frame)
        return UNKNOWN if values is None else values

    def _Set(self, node: cst.Set, frame: Frame) -> object:
        values = self._elements(node.elements, frame)
        return set(values) if values is not None and is_plain(values) else UNKNOWN

    def _Dict(self, node: cst.Dict, frame: Frame) -> object:
        result: dict[object, object] = {}
        for element in node.elements:
            value = self.evaluate(element.value, frame)
            if isinstance(element, cst.DictElement):
                key = self.evaluate(element.key, frame)
                if not isinstance(key, str | int | float | bool | tuple | type(None)):
                    return UNKNOWN
                result[key] = value
            elif isinstance(value, dict):
                result |= value
            else:
                return UNKNOWN
        return result

    def _BinaryOperation(self, node: cst.BinaryOperation, frame: Frame) -> object:
        left, right = self.evaluate(node.left, frame), self.evaluate(node.right, frame)
        symbol, function = _BINARY.get(type(node.operator), ("", None))
        if isinstance(left, Tensor) or isinstance(right, Tensor):
            return self.interpreter.keras.operator(node, symbol, left, right, frame)
        if isinstance(left, Array) or isinstance(right, Array):
            return attributes.broadcast(left, right)
        if function is None or left is UNKNOWN or right is UNKNOWN:
            return UNKNOWN
        if isinstance(left, tuple | list) and isinstance(right, tuple | list) and symbol == "+":
            return attempt(function, left, right)
        if isinstance(left, list | tuple) and isinstance(right, int) and symbol == "*" and right < 4096:
            return attempt(function, left, right)
        if symbol == "**" and isinstance(right, int) and abs(right) > 4096:
            return UNKNOWN
        if symbol == "*" and isinstance(left, str | bytes) and isinstance(right, int) and right > 4096:
            return UNKNOWN
        if not (is_plain(left) and is_plain(right)):
            return UNKNOWN
        return attempt(function, left, right)

    def _UnaryOperation(self, node: cst.UnaryOperation, frame: Frame) -> object:
        value = self.evaluate(node.expression, frame)
        if isinstance(node.operator, cst.Not):
            known = truth(value)
            return UNKNOWN if known is None else not known
        if isinstance(value, Tensor) and isinstance(node.operator, cst.Minus):
            return self.interpreter.keras.operator(node, "-", None, value, frame)
        if isinstance(value, Array):
            return Array(value.shape, value.dtype)
        function = _UNARY.get(type(node.operator))
        return attempt(function, value) if function and is_plain(value) else UNKNOWN

    def _BooleanOperation(self, node: cst.BooleanOperation, frame: Frame) -> object:
        left = self.evaluate(node.left, frame)
        known = truth(left)
        if known is None:
            self.evaluate(node.right, frame)
            return UNKNOWN
        stop = known if isinstance(node.operator, cst.Or) else not known
        return left if stop else self.evaluate(node.right, frame)

    def _Comparison(self, node: cst.Comparison, frame: Frame) -> object:
        left = self.evaluate(node.left, frame)
        result: object = True
        if isinstance(node.left, cst.Name) and (id(frame), node.left.value) in self.interpreter.at_least:
            return self._compare_counter(node, self.interpreter.at_least[id(frame), node.left.value], frame)
        for target in node.comparisons:
            right = self.evaluate(target.comparator, frame)
            result = self._compare(type(target.operator), left, right)
            if result is UNKNOWN or not result:
                return result
            left = right
        return result

    def _compare_counter(self, node: cst.Comparison, least: int, frame: Frame) -> object:
        """A comparison of a number of which the least value is known."""
        target = node.comparisons[0]
        bound = self.evaluate(target.comparator, frame)
        if len(node.comparisons) > 1 or not isinstance(bound, int):
            return UNKNOWN
        match target.operator:
            case cst.Equal() | cst.LessThanEqual():
                return UNKNOWN if bound >= least else False
            case cst.NotEqual() | cst.GreaterThan():
                return UNKNOWN if bound >= least else True
            case cst.LessThan():
                return UNKNOWN if bound > least else False
            case cst.GreaterThanEqual():
                return UNKNOWN if bound > least else True
        return UNKNOWN

    def _compare(self, kind: type[cst.CSTNode], left: object, right: object) -> object:
        if kind in (cst.Is, cst.IsNot) and (left is None or right is None):
            if UNKNOWN in (left, right):
                return UNKNOWN
            return (left is right) == (kind is cst.Is)
        if kind in (cst.Is, cst.IsNot) and isinstance(left, Tensor | ModelValue | ModelChoice):
            return (left is right) == (kind is cst.Is)
        if not (is_plain(left) and is_plain(right)):
            return UNKNOWN
        return attempt(_COMPARE[kind], left, right)

    def _IfExp(self, node: cst.IfExp, frame: Frame) -> object:
        known = truth(self.evaluate(node.test, frame))
        if known is not None:
            return self.evaluate(node.body if known else node.orelse, frame)
        body, orelse = self.evaluate(node.body, frame), self.evaluate(node.orelse, frame)
        return body if is_plain(body) and is_plain(orelse) and body == orelse else UNKNOWN

    def _Lambda(self, node: cst.Lambda, frame: Frame) -> object:
        return Function(node, frame, self.interpreter.defaults(node.params, frame))

    def _NamedExpr(self, node: cst.NamedExpr, frame: Frame) -> object:
        value = self.evaluate(node.value, frame)
        self.interpreter.assign(node.target, value, frame)
        return value

    def _Subscript(self, node: cst.Subscript, frame: Frame) -> object:
        target = self.evaluate(node.value, frame)
        if len(node.slice) == 1:
            index = self._index(node.slice[0].slice, frame)
        else:
            index = tuple(self._index(s.slice, frame) for s in node.slice)
        if isinstance(target, Tensor):
            return self.interpreter.keras.subscript(node, target, index, frame)
        value = attributes.item(target, index)
        if id(node.value) in self.interpreter.shapes_asked:
            self.interpreter.note_shape(node, value)
        if isinstance(target, list):
            self.interpreter.note_picked(node, value)
        return value

    def _index(self, node: cst.BaseSlice, frame: Frame) -> object:
        if isinstance(node, cst.Index):
            return self.evaluate(node.value, frame)
        assert isinstance(node, cst.Slice)
        parts = [self.evaluate(p, frame) if p else None for p in (node.lower, node.upper, node.step)]
        return UNKNOWN if UNKNOWN in parts else slice(*parts)

    def _ListComp(self, node: cst.ListComp | cst.GeneratorExp, frame: Frame) -> object:
        results: list[object] = []
        whole = self._comprehend(node.for_in, frame, lambda f: results.append(self.evaluate(node.elt, f)))
        return results if whole else UNKNOWN

    _GeneratorExp = _ListComp

    def _SetComp(self, node: cst.SetComp, frame: Frame) -> object:
        results: list[object] = []
        whole = self._comprehend(node.for_in, frame, lambda f: results.append(self.evaluate(node.elt, f)))
        return set(results) if whole and is_plain(results) else UNKNOWN

    def _DictComp(self, node: cst.DictComp, frame: Frame) -> object:
        result: dict[object, object] = {}

        def collect(inner: Frame) -> None:
            key = self.evaluate(node.key, inner)
            result[key if is_plain(key) else UNKNOWN] = self.evaluate(node.value, inner)

        whole = self._comprehend(node.for_in, frame, collect)
        return result if whole and UNKNOWN not in result else UNKNOWN

    def _comprehend(self, clause: cst.CompFor, frame: Frame, collect: Callable[[Frame], object]) -> bool:
        """Runs a comprehension; False when its iterable or a condition is not known."""
        inner = Frame(function=frame.function, parent=frame, caller=frame.caller)
        items = self.interpreter.iterate(self.evaluate(clause.iter, frame))
        if items is None:
            self.interpreter.assign(clause.target, UNKNOWN, inner)
            collect(inner)
            return False
        for item in items:
            self.interpreter.assign(clause.target, item, inner)
            tests = [truth(self.evaluate(test.test, inner)) for test in clause.ifs]
            if None in tests:
                return False
            if False in tests:
                continue
            if clause.inner_for_in:
                if not self._comprehend(clause.inner_for_in, inner, collect):
                    return False
            else:
                collect(inner)
        return True
