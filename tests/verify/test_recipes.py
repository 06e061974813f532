"""The language of weight lines, both ways, on arrays."""

from __future__ import annotations

import numpy as np
import pytest

from transpile.verify.builtin import recurrent
from transpile.verify.recipes import (
    Array,
    RecipeError,
    parse,
    sources,
    targets,
    to_keras,
    to_torch,
    zeros,
)

RNG = np.random.default_rng(0)


def convert(line: str, array: Array) -> Array:
    """The one parameter that a line gives."""
    (result,) = to_torch([line], dict.fromkeys(sources([line]), array)).values()
    return result


CASES = {
    "kernel: h w i o -> weight: o i h w": (2, 3, 4, 5),
    "kernel: i o -> weight: o i": (3, 2),
    "depthwise_kernel: h w c m -> weight: (c m) 1 h w": (3, 3, 4, 2),
    "alpha: 1 1 c -> weight: c": (1, 1, 7),
    "gamma: ... -> weight: ...": (2, 3),
    "kernel: i (z+r+n) -> weight_ih_l0: (r+z+n) i": (3, 6),
    "query/kernel: e h d -> q.weight: (h d) e": (6, 2, 3),
    "scale: -> scale:": (),
}


@pytest.mark.parametrize("line", CASES)
def test_there_and_back(line: str) -> None:
    array = RNG.normal(size=CASES[line])
    name = parse(line).source
    assert name is not None
    there = to_torch([line], {name.name: array})
    back = to_keras([line], there, {name.name: array.shape})
    np.testing.assert_array_equal(back[name.name], array)


def test_permutation() -> None:
    kernel = RNG.normal(size=(2, 3, 4, 5))
    expected = kernel.transpose(3, 2, 0, 1)
    np.testing.assert_array_equal(convert("kernel: h w i o -> weight: o i h w", kernel), expected)


def test_merged_axes() -> None:
    kernel = RNG.normal(size=(3, 3, 4, 2))
    expected = kernel.transpose(2, 3, 0, 1).reshape(8, 1, 3, 3)
    line = "depthwise_kernel: h w c m -> weight: (c m) 1 h w"
    np.testing.assert_array_equal(convert(line, kernel), expected)


def test_blocks_are_reordered() -> None:
    kernel = RNG.normal(size=(4, 6))
    z, r, n = np.split(kernel, 3, axis=1)
    expected = np.concatenate([r, z, n], axis=1).T
    line = "kernel: i (z+r+n) -> weight_ih_l0: (r+z+n) i"
    np.testing.assert_array_equal(convert(line, kernel), expected)


def test_gru_rows_of_the_bias() -> None:
    bias = RNG.normal(size=(2, 6))
    lines = recurrent("GRU")[2:]
    result = to_torch(lines, {"bias": bias})
    for number, name in enumerate(("bias_ih_l0", "bias_hh_l0")):
        z, r, n = np.split(bias[number], 3)
        np.testing.assert_array_equal(result[name], np.concatenate([r, z, n]))
    np.testing.assert_array_equal(to_keras(lines, result)["bias"], bias)


def test_blocks_of_one_parameter() -> None:
    lines = [f"{n}/bias: h d -> in_proj_bias[{i}/3]: (h d)" for i, n in enumerate("qkv")]
    biases = {f"{name}/bias": RNG.normal(size=(2, 3)) for name in "qkv"}
    result = to_torch(lines, biases)["in_proj_bias"]
    np.testing.assert_array_equal(result, np.concatenate([b.ravel() for b in biases.values()]))
    back = to_keras(lines, {"in_proj_bias": result}, dict.fromkeys(biases, (2, 3)))
    np.testing.assert_array_equal(back["k/bias"], biases["k/bias"])


def test_zeros_are_named_and_not_given() -> None:
    lines = ["bias: u -> bias_ih_l0: u", "0 -> bias_hh_l0"]
    assert set(to_torch(lines, {"bias": np.ones(3)})) == {"bias_ih_l0"}
    assert zeros(lines) == ("bias_hh_l0",)
    assert targets(lines) == ("bias_ih_l0", "bias_hh_l0")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("kernel: i o", "no '->'"),
        ("kernel: i o -> weight: o j", "different axes"),
        ("kernel: ... -> weight: o i", "one side only"),
        ("ker nel: i -> weight: i", "names no weight"),
        ("kernel: i { -> weight: i {", "cannot read"),
    ],
)
def test_bad_lines(line: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        parse(line)


@pytest.mark.parametrize(
    ("line", "shape", "says"),
    [
        ("kernel: i o -> weight: o i", (3,), "wants 2 axes"),
        ("kernel: i (a+b) -> weight: (b+a) i", (2, 3), "does not fit"),
        ("kernel: 1 o -> weight: o", (2, 3), "does not fit"),
        ("bias[2]: u -> bias: u", (2, 3), "no row 2"),
    ],
)
def test_arrays_that_do_not_fit(line: str, shape: tuple[int, ...], says: str) -> None:
    name = sources([line])[0]
    with pytest.raises(RecipeError, match=says):
        to_torch([line], {name: np.zeros(shape)})


def test_missing_weight() -> None:
    with pytest.raises(RecipeError, match="no Keras weight 'kernel'"):
        to_torch(["kernel: i o -> weight: o i"], {})
