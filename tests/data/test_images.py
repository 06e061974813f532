"""Image files and arrays: the functions that are written out, against Keras's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests.training.programs import convert, run_keras, run_torch

HEAD = """\
import numpy as np
from tensorflow.keras.preprocessing import image
from tensorflow.keras.utils import load_img, img_to_array, array_to_img, save_img
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An image of each mode."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    paths = {}
    for mode, shape in {"RGB": (12, 10, 3), "L": (12, 10), "RGBA": (12, 10, 4)}.items():
        path = folder / f"{mode}.png"
        PIL.Image.fromarray(rng.integers(0, 256, shape).astype("uint8")).save(path)
        paths[mode] = str(path)
    return paths


def both(source: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return run_keras(HEAD + source), run_torch(convert(HEAD + source).code)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
@pytest.mark.parametrize(
    "options",
    ["", "target_size=(7, 9)", 'color_mode="grayscale", target_size=(20, 10), interpolation="bilinear"',
     'color_mode="rgba", target_size=(5, 5), interpolation="lanczos"'],
)  # fmt: skip
def test_load_img(files: dict[str, str], mode: str, options: str) -> None:
    options = f", {options}" if options else ""
    theirs, ours = both(f'a = img_to_array(image.load_img(r"{files[mode]}"{options}), dtype="float32")\n')
    assert ours["a"].dtype == theirs["a"].dtype
    np.testing.assert_array_equal(ours["a"], theirs["a"])


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("scale", [True, False])
def test_array_to_img(channels: int, scale: bool, tmp_path: Path) -> None:
    theirs, ours = both(f"""\
x = np.random.default_rng(1).random((6, 5, {channels})).astype("float32") * 200
pixels = np.asarray(array_to_img(x, scale={scale}))
save_img(r"{tmp_path}/out.png", x, scale={scale})
saved = np.asarray(load_img(r"{tmp_path}/out.png"))
""")
    np.testing.assert_allclose(ours["pixels"].astype(int), theirs["pixels"].astype(int), atol=1)
    np.testing.assert_allclose(ours["saved"].astype(int), theirs["saved"].astype(int), atol=1)


def test_another_layout_stays() -> None:
    from transpile import keras2torch

    result = keras2torch(HEAD + 'a = img_to_array(i, data_format="channels_first")\n')
    assert [d.code for d in result.diagnostics] == ["K2T132"]
