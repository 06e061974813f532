"""One normalization called on several tensors: its averages are updated in the order in which Keras runs the calls."""

from __future__ import annotations

import pytest

from transpile import keras2torch
from transpile.verify import Session

HEAD = """import keras
from keras import layers

a = keras.Input((4,))
b = keras.Input((4,))
bn = layers.BatchNormalization(momentum=0.7)
"""
TAIL = """model = keras.Model([a, b], out)
model.compile("sgd", "mse")
"""
ORDERS = {
    "by the merge": """ha = bn(a)
hb = bn(b)
out = layers.Dense(2)(layers.concatenate([hb, ha]))
""",
    "by the depth behind it": """ha = bn(a)
hb = bn(b)
ha = layers.Dense(4)(ha)
ha = layers.Dense(4, activation="tanh")(ha)
out = layers.Dense(2)(layers.add([hb, ha]))
""",
    "by the depth of the layer": """hb = bn(b)
ha = bn(layers.Dense(4, activation="relu")(a))
ha = layers.Dense(4, activation="tanh")(ha)
out = layers.Dense(2)(layers.add([ha, hb]))
""",
    "a model inside": """encoder = keras.Sequential([layers.Dense(4), bn])
ha = encoder(a)
hb = encoder(b)
out = layers.Dense(2)(layers.subtract([hb, ha]))
""",
    "a loop": """ha = a
hb = b
for _ in range(2):
    hb = bn(layers.Dense(4)(hb))
    ha = bn(ha)
out = layers.Dense(2)(layers.concatenate([ha, hb]))
""",
    "functions between": """ha = bn(a) * 2.0 + 1.0
hb = keras.ops.tanh(bn(b))
out = layers.Dense(2)(hb - ha)
""",
}


@pytest.mark.parametrize("name", ORDERS)
def test_averages_after_a_pass(session: Session, name: str) -> None:
    source = HEAD + ORDERS[name] + TAIL
    result = keras2torch(source)
    assert not result.diagnostics
    report = session.verify(source, result.code, result.models, levels=(1, 2), smoke=False)
    print(report.as_table())
    assert report.ok
    assert any(row.title.startswith("state after training mode") and row.count for row in report.rows)


def test_the_order_is_compared(session: Session) -> None:
    """The written order, which Keras does not take, is found out."""
    source = HEAD + ORDERS["by the merge"] + TAIL
    result = keras2torch(source)
    lines = ["        hb = self.bn(b)\n", "        ha = self.bn(a)\n"]
    assert "".join(lines) in result.code
    other = result.code.replace("".join(lines), "".join(reversed(lines)))
    assert session.verify(source, other, result.models, levels=(2,), smoke=False).failed_levels == (2,)


@pytest.mark.parametrize("layer", ["Dense(4)", "LayerNormalization()", "BatchNormalization()"])
def test_what_has_no_other_order_stays_as_written(layer: str) -> None:
    """A layer without averages in any order; one with them where both orders are the same."""
    merged = "[ha, hb]" if layer.startswith("Batch") else "[hb, ha]"
    body = f"shared = layers.{layer}\nha = shared(a)\nhb = shared(b)\nout = layers.Dense(2)(layers.concatenate({merged}))\n"
    code = keras2torch(HEAD + body + TAIL).code
    assert code.index("        ha = self.") < code.index("        hb = self.")
