"""What is not edited cannot change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transpile import keras2torch
from transpile.backends.torch_file import concatenates, regions
from transpile.ir import Edit
from transpile.source import Source
from transpile.splice import Output, Overlap, apply

PROGRAM = 'import keras\n\n# größe\nmodel = keras.Sequential()\nprint("ä", model)\n'


@given(st.text())
def test_no_edit_is_the_identity(text: str) -> None:
    text = text.encode(errors="ignore").decode()
    assert apply(text, []) == text


@given(st.lists(st.integers(0, len(PROGRAM.encode())), max_size=8))
def test_regions_give_the_source_back(cuts: list[int]) -> None:
    source, output = Source(PROGRAM), Output()
    ordered = sorted(set(cuts))
    for start, end in zip(ordered[::2], ordered[1::2], strict=False):
        output.edits.append(Edit(start, end, "x"))
    assert concatenates(source, output)
    pieces = regions(source, output)
    assert [s.start for s, _ in pieces][1:] == [s.end for s, _ in pieces][:-1]
    assert sum(kind == "edit" for _, kind in pieces) == len(output.edits)


def test_overlapping_edits_are_an_error() -> None:
    with pytest.raises(Overlap):
        apply("abcdef", [Edit(0, 3, ""), Edit(2, 4, "")])


def test_decorated_functions_go_with_their_decorators() -> None:
    """Two static methods in a row that only built layers."""
    program = (
        "import keras\nfrom keras import layers\n\n\nclass Net:\n"
        "    @staticmethod\n    def block(x):\n        return layers.Dense(8)(x)\n\n"
        "    @staticmethod\n    def head(x):\n        return layers.Dense(2)(x)\n\n"
        '    def name(self):\n        return "net"\n\n\n'
        "inputs = keras.Input((4,))\nx = Net.block(inputs)\nmodel = keras.Model(inputs, Net.head(x))\n"
    )
    result = keras2torch(program)
    assert not result.diagnostics
    assert 'class Net:\n    def name(self):\n        return "net"\n' in result.code


SHAPES = """\
import keras
from keras import layers

inputs = keras.Input((8, 8, 3))
x = layers.Conv2D(4, 3)(inputs)
print({asked})
x = layers.Flatten()(x)
model = keras.Model(inputs, layers.Dense(2)(x))
"""


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("x.shape", "(None, 6, 6, 4)"),
        ("x.shape[1:], len(x.shape)", "(6, 6, 4), len((None, 6, 6, 4))"),
        ("x.get_shape().as_list()", "[None, 6, 6, 4]"),
        ("keras.backend.int_shape(x)[-1], x.shape.rank", "4, 4"),
    ],
)
def test_shapes_of_tensors_that_go_are_kept_as_values(asked: str, written: str) -> None:
    result = keras2torch(SHAPES.format(asked=asked))
    assert not [d for d in result.diagnostics if d.level != "note"]
    assert f"print({written})" in result.code


@pytest.mark.parametrize("asked", ["x", "x.shape, x", "x.dtype", "name(x.shape, x)"])
def test_a_tensor_read_among_the_layers_is_not_lost(asked: str) -> None:
    """`x` is assigned again later, and would be missing here all the same."""
    result = keras2torch(SHAPES.format(asked=asked))
    assert "K2T110" in {d.code for d in result.diagnostics}
