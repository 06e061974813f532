"""Utilities of Keras: numpy, helpers, or nothing."""

from __future__ import annotations

import textwrap

import pytest

from transpile.backends.torch_file import finish
from transpile.interpret.interpreter import Interpreter
from transpile.source import Source
from transpile.splice import Output


def convert(text: str) -> tuple[str, Output]:
    """The text after the last step alone: no model, no training."""
    source = Source(textwrap.dedent(text))
    interpreter = Interpreter(source)
    interpreter.run()
    output = Output()
    return finish(source, interpreter, output), output


def codes(output: Output) -> list[str]:
    return sorted(d.code for d in output.diagnostics)


CASES = {
    "drawings": (
        """\
        import os
        from IPython.display import SVG
        from keras.utils.vis_utils import model_to_dot, plot_model
        from keras.utils.visualize_util import plot
        from nets import net
        plot_model(net, to_file=os.path.basename(__file__) + ".png", show_shapes=True)
        plot(net, to_file=str(net.name) + ".png")
        SVG(model_to_dot(net, show_shapes=True).create(prog="dot", format="svg"))
        print(net)
        """,
        """\
        from IPython.display import SVG
        from nets import net
        print(net)
        """,
    ),
    "batches in a file of their own": (
        """\
        import numpy as np
        from tensorflow.keras.utils import Sequence
        class Batches(Sequence):
            def __len__(self):
                return 3
            def __getitem__(self, i):
                return np.ones((2, 4)), np.zeros(2)
        """,
        """\
        import numpy as np
        from torch.utils.data import Dataset
        class Batches(Dataset):
            def __len__(self):
                return 3
            def __getitem__(self, i):
                return np.ones((2, 4)), np.zeros(2)
        """,
    ),
    "known integer labels": (
        """\
        import numpy as np
        from keras.utils import to_categorical
        y = np.random.randint(0, 5, size=20)
        y = to_categorical(y, 5)
        """,
        """\
        import numpy as np
        y = np.random.randint(0, 5, size=20)
        y = np.eye(5)[y]
        """,
    ),
    "labels in a column": (
        """\
        import numpy as np
        from keras.utils import np_utils
        y = np.random.randint(0, 5, size=(20, 1))
        classes = 5
        one_hot = np_utils.to_categorical(y, nb_classes=classes)
        """,
        """\
        import numpy as np
        y = np.random.randint(0, 5, size=(20, 1))
        classes = 5
        one_hot = np.eye(classes)[y.ravel()]
        """,
    ),
    "seeds": (
        """\
        import keras
        import tensorflow as tf
        keras.utils.set_random_seed(3)  # reproducible
        tf.random.set_seed(4)
        if True:
            keras.utils.set_random_seed(seed=5)
        """,
        """\
        import random

        import numpy as np
        import torch
        random.seed(3)
        np.random.seed(3)
        torch.manual_seed(3)  # reproducible
        torch.manual_seed(4)
        if True:
            random.seed(5)
            np.random.seed(5)
            torch.manual_seed(5)
        """,
    ),
    "constants": (
        """\
        from keras import backend as K
        x = x / (s + K.epsilon())
        x = x.astype(K.floatx())
        """,
        """\
        x = x / (s + 1e-7)
        x = x.astype("float32")
        """,
    ),
    "the branch for channels last": (
        """\
        from keras import backend as K
        if K.image_data_format() == 'channels_first':
            # first
            shape = (1, 28, 28)
        else:
            # the usual one
            text = '''a
            b'''
            shape = (28, 28,
                     1)
        print(shape)
        """,
        """\
        # the usual one
        text = '''a
            b'''
        shape = (28, 28,
                 1)
        print(shape)
        """,
    ),
    "a condition that is more than that": (
        """\
        from keras import backend as K
        if K.image_dim_ordering() == 'th' and x:
            a = 1
        """,
        """\
        if 'tf' == 'th' and x:
            a = 1
        """,
    ),
    "set-up of TensorFlow": (
        """\
        import os
        os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'
        import tensorflow as tf
        from keras import backend as K

        # let it grow
        gpus = tf.config.experimental.list_physical_devices('GPU')
        if gpus:
            try:
                for gpu in gpus:
                    tf.config.experimental.set_memory_growth(gpu, True)
            except RuntimeError as error:
                print(error)

        config = tf.compat.v1.ConfigProto()
        config.gpu_options.allow_growth = True
        K.set_session(tf.compat.v1.Session(config=config))
        tf.get_logger().setLevel('ERROR')
        K.clear_session()
        x = 1
        """,
        """\
        x = 1
        """,
    ),
    "devices that are asked for": (
        """\
        import keras
        import tensorflow as tf
        print("GPUs:", len(tf.config.list_physical_devices('GPU')))
        print(tf.test.is_gpu_available())
        """,
        """\
        import torch
        print("GPUs:", torch.cuda.device_count())
        print(torch.cuda.is_available())
        """,
    ),
    "versions that are printed": (
        """\
        import keras
        import tensorflow as tf
        print(tf.__version__, f"{keras.__version__}", tf.__version__ > "2")
        """,
        """\
        import torch
        print(torch.__version__, f"{torch.__version__}", torch.__version__ > "2")
        """,
    ),
    "imports by version": (
        """\
        import tensorflow as tf
        if tf.__version__.startswith("2"):
            from tensorflow.keras import backend as K
        else:
            from keras import backend as K
        eps = K.epsilon()
        """,
        """\
        eps = 1e-7
        """,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_text(name: str) -> None:
    before, after = CASES[name]
    text, output = convert(before)
    assert text == textwrap.dedent(after)
    assert all(d.level == "note" for d in output.diagnostics)


def test_helper_is_written_once_behind_the_imports() -> None:
    text, _ = convert(
        """\
        import numpy as np
        from keras.preprocessing import sequence
        from keras.utils import to_categorical

        # settings
        n = 3
        x = sequence.pad_sequences(x, maxlen=n)
        z = sequence.pad_sequences(z, n, padding='post')
        y = to_categorical(y)
        """
    )
    assert text.count("def pad_sequences(") == text.count("def to_categorical(") == 1
    head, _, tail = text.partition("def pad_sequences(")
    assert head == "import numpy as np\n\n\n"
    assert tail.endswith(
        "\n\n\n# settings\nn = 3\nx = pad_sequences(x, maxlen=n)\n"
        "z = pad_sequences(z, n, padding='post')\ny = to_categorical(y)\n"
    )


def test_helper_whose_name_is_taken() -> None:
    text, _ = convert(
        """\
        from keras import utils


        def to_categorical(x):
            return utils.to_categorical(x, 3)
        """
    )
    assert "def keras_to_categorical(x, num_classes=None):" in text
    assert "    return keras_to_categorical(x, 3)\n" in text


def test_unknown_labels_are_not_indexed() -> None:
    text, _ = convert("from keras.utils import to_categorical\ny = to_categorical(load(), 10)\n")
    assert "np.eye" not in text
    text, _ = convert(
        "import numpy as np\nfrom keras.utils import to_categorical\ny = to_categorical(np.random.rand(5), 10)\n"
    )
    assert "np.eye" not in text


def test_channels_first_for_the_program_is_left() -> None:
    text, output = convert(
        "from keras import backend as K\nK.set_image_data_format('channels_first')\n"
        "if K.image_data_format() == 'channels_first':\n    x = 1\n"
    )
    assert "K.set_image_data_format('channels_first')" in text
    assert "K2T156" in codes(output)


def test_set_up_stays_with_code_that_needs_it() -> None:
    before = (
        "import os\nos.environ['TF_CPP_MIN_LOG_LEVEL'] = '2'\nimport tensorflow as tf\n"
        "tf.random.set_seed(1)\nx = tf.strings.lower('A')\n"
    )
    before += "import keras\n"
    text, output = convert(before)
    assert text.replace(_comment("K2T185", text), "") == before
    assert codes(output) == ["K2T185", "K2T331"]


def _comment(code: str, text: str) -> str:
    return next(line + "\n" for line in text.split("\n") if line.startswith(f"# {code}: "))


def test_a_version_that_decides_is_left() -> None:
    text, output = convert("import keras\nif keras.__version__ < '2':\n    x = 1\n")
    assert codes(output) == ["K2T155"]
    assert "if keras.__version__ < '2':" in text


def test_shape_of_a_symbolic_tensor() -> None:
    text, _ = convert(
        """\
        from keras import Input, layers
        from keras import backend as K
        x = Input((8, 8, 3))
        print(K.int_shape(x))
        for _ in range(2):
            x = layers.Conv2D(4, 3)(x)
        print(K.int_shape(x))
        print(K.int_shape(y))
        """
    )
    assert "print((None, 4, 4, 4))" in text
    assert "print(K.int_shape(y))" in text


IOU = """\
from keras.metrics import MeanIoU
iou = MeanIoU(num_classes=4)
iou.update_state(masks[..., 0], predicted)
print(iou.result().numpy())
"""


def test_metric_that_is_updated_with_arrays() -> None:
    rest = "def counts(metric):\n    return metric.get_weights()[0]\nprint(counts(iou))\n"
    text, output = convert(IOU + "iou.reset_states()\n" + rest)
    assert text.count("class MeanIoU:") == 1
    assert "\niou = MeanIoU(num_classes=4)\niou.update_state(masks[..., 0], predicted)\n" in text
    assert text.endswith("iou.reset_state()\n" + rest)
    assert not output.diagnostics


@pytest.mark.parametrize(
    "rest",
    [
        "print(iou(masks, predicted))",
        "iou.update_state(masks, predicted, sample_weight=w)",
        "report(iou)",
        "iou.merge_state([other])",
        "update = iou.update_state",
        "other = MeanIoU(4, sparse_y_pred=False)\nprint(other)",
        "model.compile('adam', 'mse', metrics=[MeanIoU(4)])",
    ],
)
def test_metric_of_which_more_is_asked(rest: str) -> None:
    text, output = convert(f"{IOU}{rest}\n")
    assert text.startswith("from keras.metrics import MeanIoU\n")
    assert "K2T122" in codes(output)


def test_objects_that_nothing_uses() -> None:
    text, output = convert(
        """\
        from keras.callbacks import EarlyStopping, ModelCheckpoint
        from keras.optimizers import Adam, schedules

        # when to stop
        es = EarlyStopping(monitor='val_loss', patience=10)

        path = 'best.h5'
        mcp = ModelCheckpoint(
            path,
            save_best_only=True,
        )
        optimizer = Adam(schedules.ExponentialDecay(0.1, 10, 0.5))
        # model.fit(x, y, callbacks=[es, mcp])
        print(path)
        """
    )
    assert "keras" not in text
    assert "path = 'best.h5'\n# model.fit(x, y, callbacks=[es, mcp])\nprint(path)\n" in text
    assert codes(output) == ["K2T346"] * 3


@pytest.mark.parametrize(
    "rest",
    [
        "print(es)",
        "fit(callbacks=[es])",
        "class Trainer:\n    def run(self):\n        return es\nprint(1)",
        "__all__ = ['es']\nprint(1)",
        "def change():\n    global es\nprint(1)",
        "def train(model):\n    return 1",  # a module: other files may import it
    ],
)
def test_objects_that_something_may_use(rest: str) -> None:
    text, output = convert(f"from keras.callbacks import EarlyStopping\nes = EarlyStopping(patience=3)\n{rest}\n")
    assert "es = EarlyStopping(patience=3)\n" in text
    assert "K2T126" in codes(output)


def test_unused_objects_whose_making_does_more() -> None:
    text, _ = convert("from keras.callbacks import CSVLogger\nlog = CSVLogger(make_folder() + '/log.csv')\nprint(1)\n")
    assert "log = CSVLogger(make_folder() + '/log.csv')\n" in text
