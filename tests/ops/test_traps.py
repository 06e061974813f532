"""Where the plausible translation is wrong: sections 1 to 5 and 8 of the measured semantics."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from transpile import keras2torch
from transpile.diagnostics import CODES
from transpile.verify import Session

from .programs import HEAD, squeezed


@dataclass(frozen=True)
class Trap:
    """A model's layers on `x`; what the translation says, and what it must not say."""

    name: str
    shape: tuple[int | None, ...]
    body: str
    right: str
    wrong: str = ""

    @property
    def source(self) -> str:
        lines = "\n".join(f"x = {line}(x)" for line in self.body.split("; "))
        return f"{HEAD}inputs = keras.Input({self.shape!r})\nx = inputs\n{lines}\nmodel = keras.Model(inputs, x)\n"


TRAPS = [
    Trap("strided same, even size", (8, 8, 3), "layers.Conv2D(4, 3, strides=2, padding='same')",
         "self.conv2d(F.pad(x, (0, 1, 0, 1)))", "padding=1"),
    Trap("strided same, odd size", (9, 9, 3), "layers.Conv2D(4, 3, strides=2, padding='same')", "padding=1", "F.pad"),
    Trap("strided same, even and odd", (8, 9, 3), "layers.Conv2D(4, 3, strides=2, padding='same')",
         "F.pad(x, (1, 1, 0, 1))"),
    Trap("strided same, free size", (None, None, 3), "layers.Conv2D(4, 3, strides=2, padding='same')",
         "pad_same(x, self.conv2d.kernel_size, self.conv2d.stride, self.conv2d.dilation)"),
    Trap("same with an even kernel", (7, 8, 3), "layers.Conv2D(4, 4, padding='same')", "padding='same'", "padding=2"),
    Trap("unequal kernel, dilated", (9, 8, 3), "layers.Conv2D(4, (3, 5), padding='same', dilation_rate=(2, 1))",
         "padding=2"),
    Trap("causal, strided and dilated twice", (9, 3),
         "layers.Conv1D(4, 3, strides=2, padding='causal'); layers.Conv1D(4, 2, dilation_rate=2, padding='causal')",
         "F.pad(x, (2, 0))", "padding="),
    Trap("transposed same, k3 s2", (5, 6, 3), "layers.Conv2DTranspose(4, 3, strides=2, padding='same')",
         "[..., :-1, :-1]", "output_padding=1"),
    Trap("transposed same, k4 s2", (5, 6, 3), "layers.Conv2DTranspose(4, 4, strides=2, padding='same')",
         "stride=2, padding=1", "[..."),
    Trap("transposed same, mixed", (5, 6, 3),
         "layers.Conv2DTranspose(4, (3, 2), strides=(2, 3), padding='same')",
         "stride=(2, 3), output_padding=(0, 1)"),
    Trap("transposed valid, k2 s3", (5, 6, 3), "layers.Conv2DTranspose(4, 2, strides=3)", "output_padding=1"),
    Trap("depthwise with a multiplier", (6, 7, 3), "layers.DepthwiseConv2D(3, depth_multiplier=2)",
         "nn.Conv2d(3, 6, 3, groups=3)"),
    Trap("max pooling same, all negative", (8, 8, 3),
         "layers.Rescaling(-1.0); layers.ReLU(); layers.Rescaling(-1.0, -1.0); "
         "layers.MaxPooling2D(3, strides=2, padding='same')",
         "ceil_mode=True", "padding=1"),
    Trap("max pooling same, k3 s3", (7, 8, 3), "layers.MaxPooling2D(3, padding='same')",
         "F.pad(x, (0, 1, 1, 1), value=float('-inf'))"),
    Trap("max pooling same, free size", (None, None, 3), "layers.MaxPooling2D(3, strides=2, padding='same')",
         "pad_same(x, (3, 3), (2, 2), value=float('-inf'))"),
    Trap("average pooling same", (7, 7, 3), "layers.AveragePooling2D(3, strides=1, padding='same')",
         "count_include_pad=False"),
    Trap("average pooling same, even size", (8, 8, 3), "layers.AveragePooling2D(3, strides=2, padding='same')",
         "ceil_mode=True", "padding=1"),
    Trap("average pooling same, k4 s3", (8, 9, 3), "layers.AveragePooling2D(4, strides=3, padding='same')",
         "avg_pool_same(x, (4, 4), (3, 3))"),
    Trap("flatten after a convolution", (5, 6, 3), "layers.Conv2D(4, 3); layers.Flatten(); layers.Dense(2)",
         "x.permute(0, 2, 3, 1).flatten(1)"),
    Trap("reshape after a convolution", (5, 6, 3), "layers.Conv2D(4, 3); layers.Reshape((12, 4))",
         "x.permute(0, 2, 3, 1).reshape(-1, 12, 4)"),
    Trap("reshape before a convolution", (12,),
         "layers.Dense(36); layers.Reshape((3, 3, 4)); layers.Conv2D(2, 2)", "reshape(-1, 3, 3, 4)"),
    Trap("bilinear upsampling", (4, 5, 3), "layers.UpSampling2D(2, interpolation='bilinear')", "mode='bilinear'",
         "align_corners=True"),
    Trap("nearest resizing", (8, 9, 3), "layers.Resizing(5, 4, interpolation='nearest')", "nearest-exact"),
    Trap("uneven padding", (4, 5, 3), "layers.ZeroPadding2D(((1, 2), (3, 4)))", "(3, 4, 1, 2)"),
    Trap("batch norm of few samples", (4,), "layers.BatchNormalization()", "eps=0.001, momentum=0.01"),
    Trap("batch norm along the height", (4, 5, 3), "layers.BatchNormalization(axis=1)", "BatchNorm2d(4"),
    Trap("layer norm epsilon", (4, 8), "layers.LayerNormalization()", "eps=0.001"),
    Trap("layer norm behind a convolution", (6, 7, 3), "layers.Conv2D(4, 2); layers.LayerNormalization()",
         "nn.LayerNorm(4, eps=0.001)"),
    Trap("leaky slope of the string", (8,), "layers.Dense(4, activation='leaky_relu')", "0.2)"),
    Trap("leaky slope of the layer", (8,), "layers.LeakyReLU()", "0.3)"),
    Trap("gelu is exact", (8,), "layers.Dense(4, activation='gelu')", "F.gelu(", "tanh"),
    Trap("softmax of channels", (4, 5, 3), "layers.Conv2D(4, 2); layers.Softmax()", "dim=1"),
    Trap("softmax along the height", (4, 5, 3), "layers.Conv2D(4, 2); layers.Softmax(axis=1)", "dim=2"),
    Trap("global maximum", (5, 6, 3), "layers.Conv2D(4, 3); layers.GlobalMaxPooling2D()", "amax(dim=(2, 3))"),
    Trap("shared slopes behind a convolution", (5, 6, 3), "layers.Conv2D(4, 3); layers.PReLU(shared_axes=[1, 2])",
         "ElementwisePReLU(1, 1, 4)"),
    Trap("unit normalisation of channels", (5, 6, 3), "layers.Conv2D(4, 3); layers.UnitNormalization()", "dim=-1"),
]  # fmt: skip
FREE_SIZES = [t for t in TRAPS if None in t.shape]


@pytest.mark.parametrize("trap", TRAPS, ids=lambda t: t.name)
def test_text(trap: Trap) -> None:
    result = keras2torch(trap.source)
    assert not [d for d in result.diagnostics if CODES[d.code].level != "note"]
    body = squeezed(result.code.partition("class Model")[2])
    assert squeezed(trap.right) in body
    assert not trap.wrong or squeezed(trap.wrong) not in body


@pytest.mark.parametrize("trap", TRAPS, ids=lambda t: t.name)
def test_executed(session: Session, trap: Trap) -> None:
    result = keras2torch(trap.source)
    report = session.verify(trap.source, result.code, result.models, levels=(1, 2, 4), smoke=False)
    assert report.ok, f"{trap.source}\n{result.code}\n{report.as_table()}\n{report.problem}"


REFUSED = [
    ((8, 8, 3), "layers.Conv2D(4, 3, padding=cfg.p)", "K2T105"),
    ((8, 8, 3), "layers.Conv2D(4, 3, data_format='channels_first')", "K2T104"),
    ((8, 8, 3), "layers.MaxPooling2D(2, data_format='channels_first')", "K2T104"),
    ((8, 8, 3), "layers.BatchNormalization(axis=cfg.axis)", "K2T105"),
    ((8, 8, 3), "layers.Softmax(axis=[1, 2])", "K2T104"),
    ((8,), "layers.Dropout(0.5, noise_shape=(None, 1))", "K2T104"),
    ((8, 8, 3), "layers.Conv2DTranspose(4, cfg.k, padding='same')", "K2T105"),
    ((8, 8, 3), "layers.Cropping2D(cfg.crop)", "K2T105"),
    ((8, 8, 3), "layers.UpSampling2D(2, interpolation='lanczos3')", "K2T104"),
    ((8, 8, 3), "layers.UpSampling2D(2, interpolation='bicubic')", "K2T203"),
    ((8,), "layers.Normalization()", "K2T194"),
    ((8,), "layers.Dense(4, kernel_initializer=cfg.init)", "K2T107"),
    ((8,), "layers.Dense(4, kernel_initializer='unheard_of')", "K2T107"),
]


@pytest.mark.parametrize(("shape", "layer", "code"), REFUSED, ids=lambda v: str(v))
def test_refused(shape: tuple[int, ...], layer: str, code: str) -> None:
    source = HEAD + (
        "from config import load\ncfg = load()\n"
        f"inputs = keras.Input({shape!r})\nx = {layer}(inputs)\nmodel = keras.Model(inputs, x)\n"
    )
    assert code in {d.code for d in keras2torch(source).diagnostics}


def test_user_text_is_spliced() -> None:
    source = HEAD + (
        "from config import load\ncfg = load()\n"
        "inputs = keras.Input((28, 28, 3))\n"
        "x = layers.Conv2D(cfg.filters, cfg.kernel, strides=cfg.step)(inputs)\n"
        "x = layers.BatchNormalization(momentum=cfg.m, epsilon=cfg.e)(x)\n"
        "x = layers.LeakyReLU(cfg.slope)(x)\n"
        "x = layers.MaxPooling2D(cfg.pool)(x)\n"
        "x = layers.Dropout(cfg.rate)(x)\n"
        "x = layers.GlobalAveragePooling2D()(x)\n"
        "model = keras.Model(inputs, x)\n"
    )
    code = squeezed(keras2torch(source).code)
    for text in (
        "nn.Conv2d(3,cfg.filters,cfg.kernel,stride=cfg.step)",
        "BatchNorm2d(cfg.filters,eps=cfg.e,momentum=1-cfg.m)",
        "cfg.slope", "nn.MaxPool2d(cfg.pool)", "nn.Dropout(cfg.rate)",
    ):  # fmt: skip
        assert text in code or text.replace("1-cfg.m", "1-(cfg.m)") in code, text


@pytest.mark.parametrize("layer", ["BatchNormalization()", "Dropout(0.5)", "GaussianNoise(0.2)"])
@pytest.mark.parametrize("mode", ["True", "False"])
def test_the_mode_by_position(layer: str, mode: str) -> None:
    """Keras 2 took it; it was dropped without a word."""
    source = (
        "import keras\nfrom keras import layers\nx = keras.Input((4,))\nh = layers.Dense(3)(x)\n"
        f"h = layers.{layer}(h, training={mode})\nmodel = keras.Model(x, layers.Dense(1)(h))\n"
    )  # fmt: skip
    result = keras2torch(source)
    assert [d.code for d in result.diagnostics] == ["K2T360"]
    assert keras2torch(source.replace("training=", "")).code == result.code
