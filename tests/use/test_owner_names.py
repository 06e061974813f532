"""A model inside of another one is given by the name that holds it at that moment, whatever the name holds later."""

from __future__ import annotations

from typing import Any

import pytest

from transpile import keras2torch

HEAD = """import keras
from keras import layers


def make(units):
    x = keras.Input((4,))
    return keras.Model(x, layers.Dense(units, activation="relu")(x))


"""
# After each: `model` with the part that is called `inner` at the end.
PROGRAMS = {
    "a name used again": """part = make(4)
x = keras.Input((4,))
model = keras.Model(x, layers.Dense(2)(part(x)))
inner = part
part = make(4)
""",
    "added to a Sequential": """model = keras.Sequential()
part = make(4)
part = make(4)
model.add(keras.Input((4,)))
model.add(part)
model.add(layers.Dense(2))
inner = part
part = make(4)
""",
    "a list that grows at its start": """parts = [make(4), make(4)]
x = keras.Input((4,))
model = keras.Model(x, layers.Dense(2)(parts[0](x)))
inner = parts[0]
parts.insert(0, make(4))
""",
    "a dict that changes": """parts = {"a": make(4), "b": make(4)}
x = keras.Input((4,))
model = keras.Model(x, layers.Dense(2)(parts["a"](x)))
inner = parts["a"]
parts["a"], parts["b"] = parts["b"], parts["a"]
""",
    "attributes that change places": """class Net:
    def __init__(self):
        self.a = make(4)
        self.b = make(4)
        x = keras.Input((4,))
        self.model = keras.Model(x, layers.Dense(2)(self.a(x)))
        self.inner = self.a
        self.a = self.b
        self.b = self.inner


net = Net()
model = net.model
inner = net.inner
""",
    "a name of a function": """part = make(4)


def build():
    part = make(4)
    x = keras.Input((4,))
    return part, keras.Model(x, layers.Dense(2)(part(x)))


inner, model = build()
""",
}


def _names(code: str) -> dict[str, Any]:
    pytest.importorskip("torch")
    names: dict[str, Any] = {}
    exec(compile(code, "converted.py", "exec"), names)
    return names


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_part_is_the_one_that_was_given(name: str) -> None:
    result = keras2torch(HEAD + PROGRAMS[name])
    assert not result.diagnostics
    names = _names(result.code)
    assert [m for m in names["model"].modules() if m is names["inner"]]


def test_a_name_that_comes_later_is_no_name() -> None:
    source = (
        HEAD + "x = keras.Input((4,))\nmodel = keras.Model(x, layers.Dense(2)(make(4)(x)))\npart = model.layers[1]\n"
    )
    result = keras2torch(source)
    assert [d.code for d in result.diagnostics] == ["K2T110"]
