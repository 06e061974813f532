"""Attributes and items of abstract values: arrays, tensors, models, objects of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transpile.interpret.asked import History
from transpile.interpret.model_layers import counted
from transpile.interpret.values import (
    Array,
    Bound,
    Event,
    Frame,
    Function,
    InputSource,
    Instance,
    KerasObject,
    Layer,
    ModelValue,
    Tensor,
    UserClass,
)  # fmt: skip
from transpile.ir import UNKNOWN, Shape

if TYPE_CHECKING:
    from transpile.interpret.interpreter import Interpreter


@dataclass(frozen=True, eq=False)
class Above:
    """`super()` in a method of a class of the user's."""

    instance: Instance
    cls: UserClass


def get(interpreter: Interpreter, target: object, name: str) -> object:
    """`target.name`."""
    match target:
        case Instance():
            return _of_instance(target, name)
        case UserClass():
            return target.attributes.get(name, UNKNOWN)
        case Above():
            return _above(target, name)
        case Array():
            return _of_array(target, name)
        case Tensor() if name in ("shape", "_keras_shape"):
            return shape_tuple(target.shape)
        case tuple() if name in ("rank", "ndims"):  # of a shape: `x.shape.rank`
            return len(target)
        case Layer() | ModelValue() if target.instance is not None and _own(target.instance, name) is not UNKNOWN:
            return _own(target.instance, name)
        case Layer():
            return _of_layer(target, name)
        case ModelValue():
            return _of_model(interpreter, target, name)
        case InputSource():
            return target.name or UNKNOWN if name == "name" else UNKNOWN
        case KerasObject():
            return target.attributes.get(name, Bound(target, name))
    if target is UNKNOWN:
        return UNKNOWN
    return Bound(target, name)


def shape_tuple(shape: Shape | None) -> object:
    """A tensor's shape as the user sees it: a tuple with None for the batch."""
    if shape is None:
        return UNKNOWN
    return tuple(d.value if d.known else (None if not d.text else UNKNOWN) for d in shape)


def _of_instance(target: Instance, name: str) -> object:
    if name in target.attributes:
        return target.attributes[name]
    value = class_attribute(target.cls, name)
    if value is UNKNOWN and target.cls.keras_base:
        return Bound(target, name)
    return Bound(target, name, value) if isinstance(value, Function) else value


def _own(instance: Instance, name: str) -> object:
    """An attribute that the user's class has itself; UNKNOWN for what Keras brings."""
    if name in instance.attributes:
        return instance.attributes[name]
    value = class_attribute(instance.cls, name)
    return Bound(instance, name, value) if isinstance(value, Function) else UNKNOWN


def class_attribute(cls: UserClass, name: str) -> object:
    """A class attribute, looked up through the bases of the user's."""
    if name in cls.attributes:
        return cls.attributes[name]
    for base in cls.bases:
        if isinstance(base, UserClass):
            value = class_attribute(base, name)
            if value is not UNKNOWN:
                return value
    return UNKNOWN


def above(classes: Sequence[UserClass], frame: Frame) -> Above | None:
    """What `super()` is in a method of one of the classes; None outside of such."""
    here: Frame | None = frame
    while here is not None:
        owner = next((c for c in classes if here.function in c.attributes.values()), None)
        if owner is not None and here.function is not None:
            first = next(iter(here.names.values()), None)
            return Above(first, owner) if isinstance(first, Instance) else None
        here = here.parent
    return None


def _above(target: Above, name: str) -> object:
    """A method of a base class of the user's; nothing is known of Keras's own."""
    for base in target.cls.bases:
        value = class_attribute(base, name) if isinstance(base, UserClass) else UNKNOWN
        if isinstance(value, Function):
            return Bound(target.instance, name, value)
    return UNKNOWN


def _of_array(array: Array, name: str) -> object:
    if name == "shape":
        if array.shape is None:
            return UNKNOWN
        return tuple(UNKNOWN if n is None else n for n in array.shape)
    if name == "T" and array.shape is not None:
        return Array(array.shape[::-1], array.dtype)
    if name == "ndim":
        return UNKNOWN if array.shape is None else len(array.shape)
    return Bound(array, name)


def _of_layer(layer: Layer, name: str) -> object:
    if name == "output" and len(layer.results) == 1:
        return layer.results[0]
    if name == "input" and len(layer.results) == 1:
        tensors = list(layer.applications[0].inputs)
        return tensors[0] if len(tensors) == 1 else tensors
    if name == "name" and "name" in layer.common:
        return layer.common["name"].value
    if name in ("output_shape", "input_shape") and len(layer.results) == 1:
        tensor = layer.results[0] if name.startswith("out") else layer.applications[0].inputs[0]
        return shape_tuple(tensor.shape) if isinstance(tensor, Tensor) else UNKNOWN
    return Bound(layer, name)


def _of_model(interpreter: Interpreter, model: ModelValue, name: str) -> object:
    if name in ("input", "output", "inputs", "outputs"):
        interpreter.keras.build(model)
        tensors = model.inputs if name.startswith("input") else model.outputs
        if not tensors:
            return UNKNOWN
        return list(tensors) if name.endswith("s") or len(tensors) > 1 else tensors[0]
    if name == "history":
        fits = (e for e in reversed(interpreter.events) if e.model is model and isinstance(e.result, History))
        return next((e.result for e in fits), UNKNOWN)
    if name == "layers":
        interpreter.keras.build(model)
        every = counted(model)
        return UNKNOWN if every is None else every
    if name == "input_shape" or name == "output_shape":
        interpreter.keras.build(model)
        tensors = model.inputs if name.startswith("input") else model.outputs
        return shape_tuple(tensors[0].shape) if len(tensors) == 1 else UNKNOWN
    return Bound(model, name)


def item(target: object, index: object) -> object:
    """`target[index]`."""
    if isinstance(target, Array):
        return _array_item(target, index)
    if isinstance(target, Event):
        return UNKNOWN
    if index is UNKNOWN or not isinstance(target, tuple | list | dict | str | range | bytes):
        return UNKNOWN
    try:
        return target[index]  # type: ignore[index,call-overload]
    except (TypeError, LookupError):
        return UNKNOWN


def _array_item(array: Array, index: object) -> object:
    if array.shape is None:
        return Array(None, array.dtype)
    indices = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in indices or any(isinstance(i, Array) for i in indices):
        return Array(None, array.dtype)
    shape: list[int | None] = []
    rest = list(array.shape)
    for i in indices:
        if i is None:
            shape.append(1)
        elif not rest:
            return Array(None, array.dtype)
        elif isinstance(i, slice):
            extent = rest.pop(0)
            shape.append(None if extent is None else len(range(*i.indices(extent))))
        elif i is UNKNOWN:
            # A slice with unknown bounds, an index or a mask: the rank is not known.
            return Array(None, array.dtype)
        else:
            rest.pop(0)
    return Array((*shape, *rest), array.dtype)


def broadcast(left: object, right: object) -> Array:
    """The shape of an elementwise operation on arrays, as far as it is known."""
    shapes = [v.shape for v in (left, right) if isinstance(v, Array)]
    if len(shapes) == 1:
        other = right if isinstance(left, Array) else left
        return Array(shapes[0] if isinstance(other, int | float) else None)
    return Array(shapes[0] if shapes[0] == shapes[1] else None)
