"""Names of Keras, and names that only look like it."""

from __future__ import annotations

import textwrap

import pytest

from transpile.references import References

HITS = {
    "import keras\nkeras.layers.Dense(3)": ["keras.layers.Dense"],
    "import tensorflow as tf\ntf.keras.layers.Dense(3)": ["keras.layers.Dense"],
    "import tensorflow as tf\ntf.compat.v1.Session()": ["tf.Session"],
    "from keras import layers as L\nL.Dense": ["keras.layers.Dense"],
    "import keras.backend as K\ndef f(): return K.mean": ["keras.backend.mean"],
    "import keras.layers\nkeras.layers.Dense": ["keras.layers.Dense"],
    "from keras.layers import *\nDense(2)": ["keras.layers.Dense"],
    "import tensorflow as tf\nlayers = tf.keras.layers\nlayers.Dense": [
        "keras.layers",
        "keras.layers.Dense",
    ],
    "import keras\nprint(f'é {keras.__version__} x')": ["keras.__version__"],
    "import keras\nclass A:\n    keras = 1\n    def f(self): return keras.Model": ["keras.Model"],
    "try:\n    import keras\nexcept ImportError:\n    keras = None\nkeras.Model": ["keras.Model"],
    "import keras\nx = [keras.Input for _ in y]": ["keras.Input"],
    "from keras import layers\nlayers = layers.Dense(3)\nlayers(x)": ["keras.layers.Dense"],
}
MISSES = [
    "layers = [1, 2]\nlayers.append(3)",
    "import keras\ndef f(keras): return keras.layers",
    "from keras import layers\nfor layers in x: print(layers.y)",
    "import keras\nx.keras.layers",
    "from .keras import layers\nlayers.Dense",
    "import keras\nx = [keras.y for keras in z]",
    "from keras import layers\nlayers = []\ndef f(): return layers.y",
    "import keras\nx = 'keras.layers'  # keras.layers",
    "from keras.layers import *\nprint(len([x for x in (1,)]))",
    "import mykeras as keras\nkeras.layers",
    "from keras import layers as l\nwith open(x) as l: l.read()",
    "import keras\nlambda keras: keras.Model",
    "from keras import Model\ndef f():\n    Model = 3\n    return Model",
]


@pytest.mark.parametrize("text", HITS)
def test_hits(text: str) -> None:
    references = References(text)
    assert [r.path for r in references.references] == HITS[text]
    for reference in references.references:
        piece = references.data[reference.start : reference.end].decode()
        assert piece.split(".")[-1] == reference.path.split(".")[-1] or "." not in piece


@pytest.mark.parametrize("text", MISSES)
def test_misses(text: str) -> None:
    references = References(text, exports=lambda module, name: name == "Dense")
    assert not references.references


def test_positions() -> None:
    text = textwrap.dedent(
        """\
        import keras
        # ü
        äh = keras.Model
        """
    )
    (reference,) = References(text).references
    span = References(text).span(reference.start, reference.end)
    assert (span.line, span.column) == (3, 6)
