"""Conditions around layers that only the running program decides."""

from __future__ import annotations

import pytest

from transpile import keras2torch
from transpile.verify import verify

HEAD = "import argparse\nimport keras\nfrom keras import layers\n\n"
FLAGS = "parser = argparse.ArgumentParser()\nparser.add_argument('--more', action='store_true')\n"
FLAGS += "args = parser.parse_args()\n"
MODEL = "inputs = keras.Input((16,))\nh = layers.Dense(8)(inputs)\n"


def test_a_flag_of_the_command_line_stays_a_condition() -> None:
    source = HEAD + FLAGS + MODEL
    source += "if args.more:\n    h = layers.Dense(8)(h)\nmodel = keras.Model(inputs, layers.Dense(3)(h))\n"
    result = keras2torch(source)
    assert not result.diagnostics
    assert "        if args.more:\n            self.dense_1 = nn.Linear(8, 8)" in result.code
    assert "        if args.more:\n            h = self.dense_1(h)" in result.code


def test_another_width_on_each_way_is_kept_in_a_variable() -> None:
    source = HEAD + FLAGS + MODEL
    source += "if args.more:\n    h = layers.Dense(5)(h)\nmodel = keras.Model(inputs, layers.Dense(3)(h))\n"
    result = keras2torch(source)
    assert not result.diagnostics
    assert "            h_features = 5\n        else:\n            h_features = 8" in result.code


def test_a_flag_that_a_builder_is_given_is_given_to_the_class() -> None:
    body = "def build(size, more=False):\n    inputs = keras.Input((size,))\n    h = layers.Dense(8)(inputs)\n"
    body += "    if not more:\n        h = layers.Dropout(0.5)(h)\n    else:\n        h = layers.Dense(8)(h)\n"
    body += "    return keras.Model(inputs, layers.Dense(3)(h))\n\n"
    result = keras2torch(HEAD + FLAGS + body + "model = build(16, args.more)\n")
    assert not result.diagnostics
    assert "def __init__(self, size, more):" in result.code
    assert "        if not self.more:\n            h = self.dropout(h)" in result.code


def test_a_flag_of_an_object_is_given_to_the_class() -> None:
    body = "class Net:\n    def __init__(self, widths, norm=False):\n        self.widths = widths\n        self.norm = norm\n"
    body += "        self.build()\n\n    def build(self):\n        x = inputs = keras.Input((16,))\n"
    body += "        for i in range(len(self.widths)):\n            x = layers.Dense(self.widths[i])(x)\n"
    body += "            if self.norm:\n                x = layers.BatchNormalization()(x)\n"
    body += "        self.model = keras.Model(inputs, layers.Dense(3)(x))\n\n"
    result = keras2torch(HEAD + FLAGS + body + "net = Net([8, 4], args.more)\n")
    assert not [d for d in result.diagnostics if d.level != "note"]
    assert "self.widths" not in result.code.partition("class Net")[0]
    assert "if norm:" in result.code
    assert "self.model = Build(self.widths, self.norm)" in result.code


@pytest.mark.parametrize(
    "condition",
    ["confirm('more?')", "(more := args.more)", "h.shape[1] == args.more"],
    ids=["effect", "binds", "tensor"],
)
def test_what_cannot_move_into_a_class_is_left(condition: str) -> None:
    source = HEAD + FLAGS + MODEL
    source += f"if {condition}:\n    h = layers.Dense(8)(h)\nmodel = keras.Model(inputs, layers.Dense(3)(h))\n"
    result = keras2torch(source)
    assert {d.code for d in result.diagnostics} == {"K2T109"}
    assert f"if {condition}:\n    h = layers.Dense(8)(h)" in result.code


def test_a_condition_on_a_name_that_changes_before_the_construction_is_left() -> None:
    source = HEAD + FLAGS + "more = args.more\n" + MODEL
    source += "if more:\n    h = layers.Dense(8)(h)\nmore = read()\nmodel = keras.Model(inputs, layers.Dense(3)(h))\n"
    assert {d.code for d in keras2torch(source).diagnostics} == {"K2T109"}


def test_a_condition_on_what_a_helper_computes_is_no_parameter() -> None:
    """`forward` read the parameter as it was given."""
    body = "def head(x, deep):\n    deep = not deep\n    if deep:\n        x = layers.Dense(8)(x)\n    return x\n\n"
    source = HEAD + FLAGS + body + MODEL + "model = keras.Model(inputs, head(h, args.more))\n"
    assert "K2T109" in {d.code for d in keras2torch(source).diagnostics}


def test_a_layer_that_a_constant_switches_off_stays() -> None:
    source = HEAD + "more = False\n" + MODEL
    source += "if more:\n    h = layers.Dense(8)(h)\nmodel = keras.Model(inputs, layers.Dense(3)(h))\n"
    result = keras2torch(source)
    assert not result.diagnostics
    assert "        if more:\n            h = self.dense_1(h)" in result.code


SHARED = HEAD + (
    "import os\n\nFLAG = int(os.environ.get('FLAG', '{flag}'))\nSWAP = os.environ.get('SWAP', '{swap}') == '1'\n"
    "shared = layers.Dense(8, activation='tanh', name='shared')\n"
    "a, b = keras.Input((6,), name='a'), keras.Input((6,), name='b')\n"
    "x, y = shared(a), shared(b)\nkeep = x\n"
    "if FLAG == 1:\n    x = layers.Dense(8, activation='relu')(x)\n    y = x + y\n"
    "    if SWAP:\n        x = layers.Dense(8)(y)\n    else:\n        x = layers.Dense(8, use_bias=False)(x)\n"
    "    y = layers.Activation('tanh')(y)\n"
    "elif FLAG == 2:\n    x, y = y, x\n"
    "else:\n    x = layers.LayerNormalization()(y)\n"
    "out = layers.concatenate([x, y, keep])\n"
    "if SWAP:\n    out = layers.Multiply()([out, out])\n"
    "model = keras.Model([a, b], layers.Dense(2)(out))\n"
    "model.compile('sgd', 'mse')\n"
)


@pytest.mark.parametrize(("flag", "swap"), [(0, 0), (1, 0), (1, 1), (2, 0)])
def test_shared_layers_between_conditions_compute_the_same(flag: int, swap: int) -> None:
    source = SHARED.format(flag=flag, swap=swap)
    result = keras2torch(source)
    assert not result.diagnostics
    report = verify(source, result.code, result.models, levels=(1, 2, 4))
    assert report.ok, report.as_table()


def test_two_tensors_that_change_their_names() -> None:
    """`x, y = y, x` in one branch: two assignments one after the other must not lose one of them."""
    result = keras2torch(SHARED.format(flag=2, swap=0).replace("keep = x\n", "").replace("[x, y, keep]", "[x, y]"))
    assert not result.diagnostics
    assert "        elif FLAG == 2:\n            y_2 = x\n            x_3 = y\n" in result.code


def test_an_attribute_that_is_set_later_is_left() -> None:
    source = HEAD + FLAGS + MODEL
    source += (
        "if args.more:\n    h = layers.Dense(8)(h)\nmodel = keras.Model(inputs, layers.Dense(3)(h))\nargs.more = True\n"
    )
    assert {d.code for d in keras2torch(source).diagnostics} == {"K2T109"}


def test_a_variable_that_changes_behind_the_construction_is_left() -> None:
    """`forward` would read the new value."""
    source = HEAD + FLAGS + "more = args.more\n" + MODEL
    source += "if more:\n    h = layers.Dense(8)(h)\nmodel = keras.Model(inputs, layers.Dense(3)(h))\nmore = read()\n"
    assert {d.code for d in keras2torch(source).diagnostics} == {"K2T109"}
