"""Layers and models of the user's own classes: their code is followed for the shapes inside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import libcst as cst

from transpile.interpret.attributes import class_attribute, shape_tuple
from transpile.interpret.own_weight import OwnWeight
from transpile.interpret.values import (
    Apply,
    Array,
    Frame,
    Function,
    InputSource,
    Instance,
    Layer,
    ModelValue,
    Phi,
    Tensor,
    UserClass,
)
from transpile.ir import FREE, UNKNOWN, Dim, Expr, Shape, literal

if TYPE_CHECKING:
    from transpile.interpret.interpreter import Interpreter

WEIGHT_METHODS = ("add_weight", "add_variable")


class Custom:
    """Runs `__init__`, `build` and `call` of the user's layers and models."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.depth = 0  # of the calls of the user's layers and models that are being followed

    def construct(self, cls: UserClass, args: Sequence[Expr], kwargs: Mapping[str, Expr], frame: Frame) -> Instance:
        """An instance, its constructor run."""
        instance = Instance(cls, keywords={k: e.value for k, e in kwargs.items() if k not in ("*", "**")})
        cls.objects.append(instance)
        constructor = class_attribute(cls, "__init__")
        if isinstance(constructor, Function):
            values = [a.value for a in args]
            named = {k: e.value for k, e in kwargs.items() if k not in ("*", "**")}
            self.interpreter.call_function(constructor, (instance, *values), named, frame)
            instance.arguments = dict(self.interpreter.last_frame.arguments)
        return instance

    def run(self, instance: Instance, values: Sequence[object], named: Mapping[str, object], frame: Frame) -> object:
        """What `call` returns for these inputs; the first time `build` comes before it."""
        shapes = [shape_tuple(v.shape) if isinstance(v, Tensor) else UNKNOWN for v in _flat(values[:1])]
        build = class_attribute(instance.cls, "build")
        known = [s for s in shapes if s is not UNKNOWN]
        if isinstance(build, Function) and known and not instance.built:
            several = values and isinstance(values[0], list | tuple)
            instance.built, instance.built_with = True, list(known) if several else known[0]
            self.interpreter.call_function(build, (instance, instance.built_with), {}, frame)
        if values and isinstance(values[0], Tensor):
            instance.inputs.append(values[0].shape)
        call = class_attribute(instance.cls, "call")
        if not isinstance(call, Function):
            return UNKNOWN
        outer = self.interpreter.statement
        self.depth += 1
        try:
            return self.interpreter.call_function(call, (instance, *values), dict(named), frame)
        finally:
            self.depth -= 1
            self.interpreter.statement = outer

    def apply(
        self, layer: Layer, node: cst.Call, args: Sequence[Expr], kwargs: Mapping[str, Expr], frame: Frame
    ) -> object:
        """A layer of the user's applied to tensors: one application, whatever happens inside."""
        assert layer.instance is not None
        inter = self.interpreter
        inputs = _flat([*(a.value for a in args), *(e.value for e in kwargs.values())])
        tensors = tuple(t for t in inputs if isinstance(t, Tensor))
        named = {k: e.value for k, e in kwargs.items()}
        inner = self.run(layer.instance, [a.value for a in args], named, frame)
        record = Apply(
            None, {}, tensors, layer, inter.source.span(node), frame, inter.next_order(), inter.statement,
            loops=inter.loops,
        )  # fmt: skip
        layer.applications.append(record)
        inter.applies.append(record)
        if any(t.mask is not None for t in tensors) and _minds_masks(layer.instance):
            record.problems.append(("K2T113", "a mask reaches a layer of your own, which reads it or hands it on"))
        form = call_form(args, kwargs)
        if form is None:
            message = "a layer of your own that is called with something else than tensors and numbers"
            record.problems.append(("K2T112", message))
        elif form != ", ".join(f"{{x{i}}}" for i in range(len(tensors))):
            record.args = {"call:form": literal(form)}
        return self._outputs(record, inner)

    def _outputs(self, record: Apply, inner: object) -> object:
        """New tensors for what an application returns: what is inside of it stays inside."""
        if isinstance(inner, list | tuple):
            return [self._outputs(record, v) for v in inner]
        shape, merged = (inner.shape, inner.merged) if isinstance(inner, Tensor) else (None, True)
        made = Tensor(shape, record, len(record.outputs), merged=merged)
        record.outputs.append(made)
        return made

    def weight(self, instance: Instance, args: Sequence[Expr], kwargs: Mapping[str, Expr], node: cst.Call) -> Tensor:
        """`self.add_weight(...)`: Keras 1 and 2 took the name first."""
        given = kwargs.get("shape")
        rest = [a for a in args if not isinstance(a.value, str)]
        if given is None and rest:
            given = rest[0]
        shape = shape_from(given.value) if given is not None else ()
        span = self.interpreter.source.span(node)
        initializer = kwargs.get("initializer") or next((a for a in args[1:] if a is not given), None)
        rules = (kwargs.get(name) for name in ("regularizer", "constraint"))
        instance.weights[span.start] = OwnWeight(shape, initializer, *rules)
        return Tensor(shape, Phi("this is a weight", span))

    # Models

    def feed(self, model: ModelValue, values: Sequence[object]) -> None:
        """The first data that a model of the user's sees tells its shapes."""
        if (
            model.instance is None
            or model.inputs
            or not isinstance(class_attribute(model.instance.cls, "call"), Function)
        ):
            return
        flat = _flat(values[:1])
        arrays = [v for v in flat if isinstance(v, Array | Tensor) and v.shape is not None]
        if not flat or len(arrays) != len(flat):
            return
        inputs = [self._input(model, v) for v in arrays]
        first: object = inputs if isinstance(values[0], list | tuple) else inputs[0]
        result = self.run(model.instance, [first], {}, model.frame)
        model.inputs = inputs
        inter = self.interpreter
        record = Apply(None, {}, tuple(inputs), model, model.span, model.frame, inter.next_order())
        outputs = self._outputs(record, result)
        model.outputs = outputs if isinstance(outputs, list) else [outputs]  # type: ignore[list-item]
        model.single_output = not isinstance(outputs, list)

    def _input(self, model: ModelValue, value: Array | Tensor) -> Tensor:
        assert value.shape is not None
        if isinstance(value, Tensor):
            shape: Shape = (FREE, *value.shape[1:])
            dtype = value.dtype
        else:
            shape = (FREE, *(FREE if n is None else literal(n) for n in value.shape[1:]))
            dtype = "int32" if value.dtype in ("int32", "int64") else "float32"
        source = InputSource("", shape, dtype, model.span, model.frame, self.interpreter.next_order())
        return Tensor(shape, source, dtype=dtype)


def call_form(args: Sequence[Expr], kwargs: Mapping[str, Expr]) -> str | None:
    """The arguments of a call with `{x0}`, `{x1}`, ... for its tensors; None where they cannot be written."""
    count = 0

    def written(value: object) -> str | None:
        nonlocal count
        if isinstance(value, Tensor):
            count += 1
            return f"{{x{count - 1}}}"
        if isinstance(value, list) and value and all(isinstance(v, Tensor) for v in value):
            return f"[{', '.join(str(written(v)) for v in value)}]"
        return repr(value) if value is None or isinstance(value, int | float) else None

    parts = [written(a.value) for a in args]
    if None in parts or kwargs.keys() & {"training", "mask", "*", "**"}:
        return None
    for name, expr in kwargs.items():
        text = written(expr.value)
        if text is None:
            return None
        parts.append(f"{name}={text}")
    return ", ".join(str(part) for part in parts)


def _minds_masks(instance: Instance) -> bool:
    """Whether Keras's masks make a difference to a layer of the user's."""
    call = class_attribute(instance.cls, "call")
    params = call.node.params if isinstance(call, Function) else None
    names = [p.name.value for p in (*params.params, *params.kwonly_params)] if params is not None else []
    computes = isinstance(class_attribute(instance.cls, "compute_mask"), Function)
    return "mask" in names or computes or instance.attributes.get("supports_masking", False) is not False


def shape_from(value: object) -> Shape | None:
    """A weight's shape."""
    if isinstance(value, int):
        return (literal(value),)
    if not isinstance(value, tuple | list):
        return None
    dims: list[Dim] = [literal(v) if isinstance(v, int) else FREE for v in value]
    return tuple(dims)


def _flat(values: Sequence[object]) -> list[object]:
    found: list[object] = []
    for value in values:
        if isinstance(value, list | tuple):
            found += _flat(value)
        elif isinstance(value, dict):
            found += _flat(list(value.values()))
        else:
            found.append(value)
    return found
