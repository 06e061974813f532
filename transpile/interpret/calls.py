"""Calls: of Python's builtins, of methods, of the user's functions, of libraries."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Callable
from typing import TYPE_CHECKING

import libcst as cst

from transpile.interpret import attributes
from transpile.interpret.arrays import ARRAY_FUNCTIONS, array_method, dataset
from transpile.interpret.custom import WEIGHT_METHODS
from transpile.interpret.expressions import attempt, is_plain
from transpile.interpret.model_choice import ModelChoice
from transpile.interpret.pipelines import METHODS
from transpile.interpret.streams import after
from transpile.interpret.values import (
    Array,
    Bound,
    Frame,
    Function,
    ImageBatches,
    InputSource,
    Instance,
    Layer,
    ModelValue,
    Ref,
    Stream,
    Tensor,
    UserCall,
    UserClass,
)  # fmt: skip
from transpile.ir import UNKNOWN, Expr

if TYPE_CHECKING:
    from transpile.interpret.interpreter import Interpreter

_PURE: dict[str, Callable[..., object]] = {
    "builtins.int": int, "builtins.float": float, "builtins.str": str, "builtins.bool": bool,
    "builtins.abs": abs, "builtins.round": round, "builtins.min": min, "builtins.max": max,
    "builtins.sum": sum, "builtins.sorted": sorted, "builtins.pow": pow, "builtins.divmod": divmod,
    "builtins.range": range, "builtins.slice": slice, "builtins.all": all, "builtins.any": any,
    "math.ceil": math.ceil, "math.floor": math.floor, "math.log": math.log, "math.log2": math.log2,
    "math.sqrt": math.sqrt, "math.prod": math.prod, "math.pow": math.pow,
    "numpy.prod": math.prod, "numpy.ceil": math.ceil, "numpy.floor": math.floor, "numpy.log2": math.log2,
    "numpy.sqrt": math.sqrt, "os.path.join": posixpath.join,
}  # fmt: skip
_COLLECTIONS = (
    "list",
    "tuple",
    "reversed",
    "enumerate",
    "zip",
    "len",
    "dict",
    "set",
    "isinstance",
    "iter",
    "next",
)
_STRING_METHODS = frozenset(
    "format lower upper strip split join replace startswith endswith capitalize title rstrip lstrip".split()
)
_LIST_METHODS = frozenset("append extend pop insert reverse index count copy clear".split())
_DICT_METHODS = frozenset("get items keys values update copy pop setdefault".split())


class Calls:
    """Dispatches a call to what it calls."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter

    def arguments(self, node: cst.Call, frame: Frame) -> tuple[list[Expr], dict[str, Expr]]:
        """The arguments as the user wrote them, with their values."""
        args: list[Expr] = []
        kwargs: dict[str, Expr] = {}
        for arg in node.args:
            value = self.interpreter.expressions.evaluate(arg.value, frame)
            if isinstance(value, Ref) and not value.path.startswith(("keras.", "tf.")):
                value = UNKNOWN  # a name of another module: nothing is known of it
            text = self.interpreter.source.code(arg.value)
            if arg.star == "*":
                if isinstance(value, tuple | list):
                    args += [Expr(f"{text}[{i}]", v) for i, v in enumerate(value)]
                else:
                    kwargs["*"] = Expr(text)
            elif arg.star == "**":
                if isinstance(value, dict):
                    kwargs |= {str(k): Expr(f"{text}[{k!r}]", v) for k, v in value.items()}
                else:
                    kwargs["**"] = Expr(text)
            elif arg.keyword is not None:
                kwargs[arg.keyword.value] = Expr(text, value)
            else:
                args.append(Expr(text, value))
        return args, kwargs

    def call(self, node: cst.Call, frame: Frame) -> object:
        target = self.interpreter.expressions.evaluate(node.func, frame)
        args, kwargs = self.arguments(node, frame)
        values = [a.value for a in args]
        named = {k: e.value for k, e in kwargs.items() if k not in ("*", "**")}
        match target:
            case Function():
                return self._user_call(target, node, args, kwargs, frame)
            case UserClass() if target.keras_base:
                return self.interpreter.keras.custom(target, node, args, kwargs, frame)
            case UserClass():
                return self.interpreter.instantiate(target, values, named, frame)
            case Bound(function=Function() as function):
                function.called = True
                self.interpreter.own_methods.add(id(node.func))
                self._own_compile(target, node, args, kwargs, frame)
                return self.interpreter.call_function(function, (target.target, *values), named, frame)
            case Bound():
                return self._method(target, node, args, kwargs, frame)
            case Layer() | ModelValue():
                return self.interpreter.keras.apply(target, node, args, kwargs, frame)
            case ModelChoice(models=models):
                given = [self.interpreter.keras.apply(m, node, args, kwargs, frame) for m in models]
                return self.interpreter.either(given, node)
            case Ref(path=path):
                return self._library(path, node, args, kwargs, frame)
            case Instance():
                method = attributes.class_attribute(target.cls, "__call__")
                if isinstance(method, Function):
                    return self.interpreter.call_function(method, (target, *values), named, frame)
        if any(isinstance(v, Tensor) for v in values):
            return self.interpreter.keras.opaque(node, values, frame)
        return self._of_unknown(node.func, values)

    @staticmethod
    def _of_unknown(func: cst.BaseExpression, values: list[object]) -> object:
        """`read_images().reshape(-1, 28, 28)`: only arrays have that method."""
        if isinstance(func, cst.Attribute) and func.attr.value == "reshape" and values:
            return array_method(Array(), "reshape", values, {})
        return UNKNOWN

    def _own_compile(
        self, bound: Bound, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame
    ) -> None:
        """`compile` of a model's own is the `compile` of its training, too."""
        models = [m for m in self.interpreter.models if m.instance is bound.target]
        if bound.name == "compile" and models:
            self.interpreter.keras.models.compiled(models[0], node, args, kwargs, frame)

    def _user_call(
        self,
        function: Function,
        node: cst.Call,
        args: list[Expr],
        kwargs: dict[str, Expr],
        frame: Frame,
    ) -> object:
        """A call of the user's function, recorded: it may become a module of its own."""
        inter = self.interpreter
        record = UserCall(
            function,
            node,
            tuple(args),
            kwargs,
            frame,
            inter.statement,
            inter.loops,
            inter.next_order(),
        )
        inter.user_calls.append(record)
        function.called = True
        named = {k: e.value for k, e in kwargs.items() if k not in ("*", "**")}
        record.result = inter.call_function(function, [a.value for a in args], named, frame)
        record.frame = inter.last_frame
        record.frame.call = record
        return record.result

    def _library(self, path: str, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame) -> object:
        values = [a.value for a in args]
        if path.startswith("builtins."):
            if path == "builtins.super":
                return attributes.above(self.interpreter.classes, frame) or UNKNOWN
            return self._builtin(path, node, values, {k: e.value for k, e in kwargs.items()})
        if path.startswith("keras.datasets."):
            return dataset(path, kwargs)
        if path.startswith(("keras.", "tf.")):
            return self.interpreter.keras.library(path, node, args, kwargs, frame)
        if any(isinstance(v, Tensor) for v in values):
            return self.interpreter.keras.opaque(node, values, frame)
        if path in _PURE and all(is_plain(v) for v in values) and not kwargs:
            return attempt(_PURE[path], *values)
        if path in ARRAY_FUNCTIONS:
            return attempt(ARRAY_FUNCTIONS[path], values, {k: e.value for k, e in kwargs.items()})
        if path == "collections.OrderedDict" and not values:
            return {}
        if path in ("numpy.random.default_rng", "numpy.random.RandomState"):
            return Ref("numpy.random")  # its methods are named as the module's functions
        return UNKNOWN

    def _builtin(self, path: str, node: cst.Call, values: list[object], kwargs: dict[str, object]) -> object:
        name = path.removeprefix("builtins.")
        if name in _COLLECTIONS:
            return self._collection(name, values, kwargs)
        if name == "getattr" and len(values) >= 2 and isinstance(values[1], str):
            return attributes.get(self.interpreter, values[0], values[1])
        if name == "map" and len(values) == 2 and isinstance(values[0], Function):
            items = self.interpreter.iterate(values[1])
            if items is not None:
                return [self.interpreter.call_function(values[0], (item,), {}) for item in items]
        if path in _PURE and all(is_plain(v) for v in values) and not kwargs:
            if name == "range" and any(isinstance(v, int) and abs(v) > 10**7 for v in values):
                return UNKNOWN
            return attempt(_PURE[path], *values)
        return UNKNOWN

    def _collection(self, name: str, values: list[object], kwargs: dict[str, object]) -> object:
        iterate = self.interpreter.iterate
        items = [iterate(v) for v in values]
        first = items[0] if items else []
        if name == "len" and values:
            if isinstance(values[0], Array) and values[0].shape:
                return UNKNOWN if values[0].shape[0] is None else values[0].shape[0]
            return UNKNOWN if first is None else len(first)
        if name == "dict":
            return dict(kwargs) if not values else values[0] if isinstance(values[0], dict) else UNKNOWN
        if name == "isinstance":
            return self._isinstance(values)
        if name in ("zip", "iter", "enumerate") and any(isinstance(v, Stream) for v in values):
            yielded = [v.element if isinstance(v, Stream) else UNKNOWN for v in values]
            given = {"zip": tuple(yielded), "enumerate": (UNKNOWN, yielded[0])}
            return Stream("generator", element=given.get(name, yielded[0]))
        if name == "next" and values:
            return values[0].element if isinstance(values[0], Stream) else UNKNOWN
        if None in items:
            return UNKNOWN
        match name:
            case "list":
                return list(first or ())
            case "tuple":
                return tuple(first or ())
            case "reversed":
                return list(reversed(first or ()))
            case "enumerate":
                start = values[1] if len(values) > 1 else kwargs.get("start", 0)
                return [(i, v) for i, v in enumerate(first or (), start)] if isinstance(start, int) else UNKNOWN
            case "zip":
                return [tuple(group) for group in zip(*(i for i in items if i is not None))]
        return UNKNOWN

    @staticmethod
    def _isinstance(values: list[object]) -> object:
        if len(values) == 2 and isinstance(values[0], Layer | InputSource):
            return _is_layer(values[0], values[1])
        types = {"int": int, "float": float, "str": str, "tuple": tuple, "list": list, "dict": dict}
        if len(values) != 2 or not is_plain(values[0]):
            return UNKNOWN
        candidates = values[1] if isinstance(values[1], tuple) else (values[1],)
        names = [c.path.removeprefix("builtins.") if isinstance(c, Ref) else "" for c in candidates]
        if any(n not in types for n in names):
            return UNKNOWN
        return isinstance(values[0], tuple(types[n] for n in names))

    def _method(self, bound: Bound, node: cst.Call, args: list[Expr], kwargs: dict[str, Expr], frame: Frame) -> object:
        target, name, values = bound.target, bound.name, [a.value for a in args]
        named = {k: e.value for k, e in kwargs.items()}
        if isinstance(target, ModelValue | Layer):
            return self.interpreter.keras.method(target, name, node, args, kwargs, frame)
        if isinstance(target, ModelChoice):
            return self.interpreter.keras.method_of_one(target, name, node, args, kwargs, frame)
        if isinstance(target, Instance) and name in WEIGHT_METHODS:
            return self.interpreter.keras.own.weight(target, args, kwargs, node)
        if isinstance(target, Array):
            return array_method(target, name, values, named)
        if isinstance(target, Stream):
            known = target.kind == "dataset" and (name in METHODS or target.problem)
            return after(self.interpreter, target, name, args) if known else UNKNOWN
        if isinstance(target, ImageBatches) and name.startswith("flow"):
            return Stream("sequence", problem=target.problem, ends=True)
        if isinstance(target, Tensor) and name == "get_shape":
            return attributes.shape_tuple(target.shape)
        if isinstance(target, tuple) and name == "as_list":  # of a shape: `x.shape.as_list()`
            return list(target)
        if isinstance(target, Tensor):
            return self.interpreter.keras.opaque(node, [target, *values], frame)
        if isinstance(target, list) and name in _LIST_METHODS:
            self.interpreter.note_tensors(values, frame)
            self.interpreter.note_mutation(target)
            return attempt(getattr(target, name), *values)
        if isinstance(target, dict) and name in _DICT_METHODS:
            if name in ("update", "pop", "setdefault"):
                self.interpreter.note_mutation(target)
            result = attempt(getattr(target, name), *values)
            return (
                list(result) if isinstance(result, type({}.items()) | type({}.keys()) | type({}.values())) else result
            )
        if isinstance(target, str) and name in _STRING_METHODS and all(is_plain(v) for v in values):
            if name == "format" and not is_plain(named):
                return UNKNOWN
            return attempt(lambda: getattr(target, name)(*values, **named))
        return UNKNOWN

    def augmented(
        self,
        node: cst.AugAssign,
        operation: type[cst.CSTNode] | None,
        left: object,
        right: object,
        frame: Frame,
    ) -> object:
        """`left op= right`."""
        if operation is None:
            return UNKNOWN
        if isinstance(left, list) and isinstance(right, list | tuple) and operation is cst.Add:
            left += list(right)
            return left
        if isinstance(left, Array):
            return Array(left.shape, left.dtype)  # in place: the shape stays
        binary = cst.BinaryOperation(node.target, operation(), node.value)  # type: ignore[arg-type]
        if isinstance(left, Tensor) or isinstance(right, Tensor):
            symbols = {"Add": "+", "Subtract": "-", "Multiply": "*", "Divide": "/"}
            symbol = symbols.get(operation.__name__, "")
            return self.interpreter.keras.operator(node, symbol, left, right, frame)
        return self.interpreter.expressions._BinaryOperation(binary, frame)


# In Keras 2 these derive from the other: what holds depends on the version.
_RELATED = frozenset(
    "Conv1D Conv2D Conv2DTranspose Conv3D Conv3DTranspose DepthwiseConv2D SeparableConv1D SeparableConv2D".split()
)


def _is_layer(layer: Layer | InputSource, classes: object) -> object:
    """Whether a layer is of one of Keras's classes."""
    kind = layer.kind if isinstance(layer, Layer) else "InputLayer"
    candidates = classes if isinstance(classes, tuple) else (classes,)
    if not all(isinstance(c, Ref) and c.path.startswith("keras.") for c in candidates):
        return UNKNOWN
    own = isinstance(layer, Layer) and (layer.instance is not None or not layer.path.startswith("keras.layers."))
    kinds = [c.path.rpartition(".")[2] for c in candidates if isinstance(c, Ref)]
    if kind in kinds or "Layer" in kinds:
        return True
    if own or any(k in _RELATED and kind in _RELATED for k in kinds):
        return UNKNOWN
    return False
