"""Sources of Keras 1 and 2 in Keras 3's spelling: the text, and that it runs and agrees."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from transpile.convert import Options, convert
from transpile.files import SourceText
from transpile.frontends.modern import modern_source
from transpile.interpret.interpreter import Interpreter
from transpile.result import Result
from transpile.source import Source
from transpile.verify import Session

CASES = Path(__file__).parents[2] / "fixtures" / "cases"
OLD = sorted(path.name for path in CASES.glob("old_*"))


def modern(text: str) -> str:
    interpreter = Interpreter(Source(text))
    interpreter.run()
    return modern_source(interpreter)


def source(name: str) -> str:
    return (CASES / name / "keras.py").read_text(encoding="utf-8")


@cache
def converted(name: str) -> Result:
    return convert(SourceText(source(name)), f"{name}.py", Options())


MODEL = "from keras.models import Sequential\nfrom keras.layers import *\nm = Sequential()\n"
# Lines behind MODEL -> what becomes of them.
LINES = {
    "m.add(Convolution2D(8, 3, 5, border_mode='same'))":
        "m.add(keras.layers.Conv2D(8, (3, 5), padding='same'))",
    "m.add(Conv2D(8, 3, 3, subsample=(2, 2), input_shape=(9, 9, 1)))":
        "m.add(Conv2D(8, (3, 3), strides=(2, 2), input_shape=(9, 9, 1)))",
    "m.add(Convolution2D(8, (3, 5), (2, 2), padding='same'))":
        "m.add(keras.layers.Conv2D(8, (3, 5), (2, 2), padding='same'))",
    "m.add(Convolution2D(nb_filter=8, nb_row=3, nb_col=5))":
        "m.add(keras.layers.Conv2D(filters=8, kernel_size=(3, 5)))",
    "m.add(Dense(output_dim=3, init='uniform', bias=False, input_dim=4))":
        "m.add(Dense(units=3, kernel_initializer='uniform', use_bias=False, input_dim=4))",
    "m.add(Embedding(input_dim=5, output_dim=3, input_length=7))":
        "m.add(Embedding(input_dim=5, output_dim=3))",
    "m.add(LSTM(5, input_dim=3, input_length=7, consume_less='gpu'))":
        "m.add(LSTM(5, input_shape=(7, 3)))",
    "m.add(GRU(5, batch_input_shape=(None, 7, 3)))":
        "m.add(GRU(5, input_shape=(7, 3)))",
    "m.add(GRU(5, batch_input_shape=(2, 7, 3), stateful=True))":
        "m.add(keras.Input(batch_shape=(2, 7, 3)))\nm.add(GRU(5, stateful=True))",
    "m.add(BatchNormalization(mode=0, axis=1))": "m.add(BatchNormalization(axis=1))",
    "m.add(AveragePooling2D())": "m.add(AveragePooling2D(pool_size=2))",
    "m.add(AveragePooling1D(strides=1))": "m.add(AveragePooling1D(strides=1, pool_size=2))",
    "m.add(AveragePooling1D(pool_length=3))": "m.add(AveragePooling1D(pool_size=3))",
    "m.add(Dropout(p=0.5))": "m.add(Dropout(rate=0.5))",
    "m.fit(x, y, nb_epoch=3, show_accuracy=True)": "m.fit(x, y, epochs=3)",
    "m.fit_generator(g, samples_per_epoch=9, nb_worker=2, nb_epoch=3)": "m.fit(g, steps_per_epoch=9, epochs=3)",
    "m.compile('sgd', 'mse', ['accuracy'])": "m.compile('sgd', 'mse', metrics=['accuracy'])",
    "m.save_weights('w.h5')": "m.save_weights('w.weights.h5')",
}  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_lines(line: str) -> None:
    new = modern(MODEL + line + "\n")
    assert new.endswith(f"m = Sequential()\n{LINES[line]}\n")
    assert ("import keras\n" in new) == ("keras." in LINES[line])


MERGES = {
    "merge([a, b], mode='concat', concat_axis=1)": "keras.layers.concatenate([a, b], axis=1)",
    "merge([a, b], 'mul', name='both')": "keras.layers.multiply([a, b], name='both')",
    "merge([a, b])": "keras.layers.add([a, b])",
    "merge([a, b], mode='dot')": "keras.layers.dot([a, b], axes=-1)",
    "merge([a, b], mode='cos', dot_axes=1)": "keras.layers.dot([a, b], axes=1, normalize=True)",
}


@pytest.mark.parametrize("call", MERGES)
def test_merges(call: str) -> None:
    start = "from keras.layers import Input, merge\na, b = Input((3,)), Input((3,))\n"
    expected = "import keras\nfrom keras.layers import Input\na, b = Input((3,)), Input((3,))\n"
    assert modern(f"{start}c = {call}\n") == f"{expected}c = {MERGES[call]}\n"


DECAY = "keras.optimizers.schedules.InverseTimeDecay"
OPTIMIZERS = {
    "SGD(lr=0.1, momentum=0.9)": "SGD(learning_rate=0.1, momentum=0.9)",
    "SGD(decay=0.0, lr=0.1)": "SGD(learning_rate=0.1)",
    "SGD(decay=1e-6, lr=r)": f"SGD(learning_rate={DECAY}(r, 1, 1e-6))",
    "SGD(0.1, decay=r / 9, nesterov=True)": f"SGD({DECAY}(0.1, 1, r / 9), nesterov=True)",
    "SGD(decay=1e-6)": f"SGD(learning_rate={DECAY}(0.01, 1, 1e-6))",
}


@pytest.mark.parametrize("call", OPTIMIZERS)
def test_optimizers(call: str) -> None:
    start = "import keras\nfrom keras.optimizers import SGD\nr = 0.5\n"
    assert modern(f"{start}s = {call}\n") == f"{start}s = {OPTIMIZERS[call]}\n"


def test_imports_inside_of_others() -> None:
    text = '''"""Doc."""
from __future__ import print_function
try:
    from keras.layers.core import Dense
except ImportError:
    from keras.layers import Dense
def f():
    from keras.utils import np_utils
    return np_utils.to_categorical([1], nb_classes=2), Dense
'''
    new = modern(text)
    assert new.splitlines()[:4] == ['"""Doc."""', "from __future__ import print_function", "import keras", "try:"]
    assert "        pass" not in new.splitlines()
    assert "    pass\n    return keras.utils.to_categorical([1], num_classes=2)" in new


def test_classes_are_what_is_predicted() -> None:
    text = "from keras import Sequential, layers\nm = Sequential([layers.Input((4,)), layers.Dense({})])\n"
    text += "c = m.predict_classes(x)\n"
    assert modern(text.format(1)).endswith('c = (m.predict(x) > 0.5).astype("int32")\n')
    assert modern(text.format(3)).endswith("c = m.predict(x).argmax(axis=-1)\n")
    other = "from sklearn.svm import SVC\nc = SVC().fit(x, y).predict_proba(x)\n"
    assert modern(other) == other


def _runs_on_keras_3(case: Path) -> bool:
    settings: dict[str, Any] = tomllib.loads((case / "case.toml").read_text(encoding="utf-8"))
    return case.name not in OLD and settings.get("runs_on") not in ("tf_keras", "none")


@pytest.mark.parametrize("name", sorted(p.parent.name for p in CASES.glob("*/keras.py") if _runs_on_keras_3(p.parent)))
def test_what_is_not_old_stays(name: str) -> None:
    text = source(name)
    assert modern(text) == text


@pytest.mark.parametrize("name", OLD)
def test_twice_is_once(name: str) -> None:
    once = modern(source(name))
    assert modern(once) == once


@pytest.mark.parametrize("name", OLD)
def test_old_programs_verify(session: Session, name: str) -> None:
    result = converted(name)
    report = session.verify(source(name), result.code, result.models, modern_source=modern(source(name)))
    print(report.as_table())
    assert report.ok
    assert not report.failed_levels
    as_written = name in ("old_keras2_functional", "old_generator_windows")  # what is old is behind the model
    assert report.keras.startswith("Keras 3.")
    assert report.keras.endswith("source respelled in Keras 3") != as_written


LATE = """
import numpy as np
from keras.layers import Dense
from keras.models import Sequential
from keras.optimizers import SGD
from keras.utils import np_utils


def build():
    model = Sequential()
    model.add(Dense(5, input_dim=4, activation="relu"))
    model.add(Dense(2, activation="softmax"))
    return model


def train(model, x, y):
    model.compile(loss="categorical_crossentropy", optimizer=SGD(lr=0.05), metrics=["accuracy"])
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, shuffle=False)


rng = np.random.RandomState(0)
x = rng.rand(24, 4).astype("float32")
y = np_utils.to_categorical(rng.randint(0, 2, 24), 2)
model = build()
train(model, x, y)
print(model.predict(x).round(3)[:2])
"""


def test_whole_programs_with_old_names_behind_the_model(session: Session) -> None:
    """The model can be had as written, the rest of the program not: all is compared in the other spelling."""
    result = convert(SourceText(LATE), "late.py", Options())
    assert not result.diagnostics
    report = session.verify(LATE, result.code, result.models, modern_source=modern(LATE), levels=(1, 2, 6))
    print(report.as_table())
    assert report.ok
    assert report.level_ok(6)
    assert report.keras.endswith("source respelled in Keras 3")
    slower = result.code.replace("lr=0.05", "lr=0.04")
    report = session.verify(LATE, slower, result.models, modern_source=modern(LATE), levels=(6,))
    assert report.failed_levels == (6,)


def test_whole_programs_that_no_keras_runs(session: Session) -> None:
    """Said, with both reasons; what could be compared keeps its verdict."""
    result = convert(SourceText(LATE), "late.py", Options())
    report = session.verify(LATE, result.code, result.models, levels=(1, 2, 6))
    print(report.as_table())
    (row,) = [row for row in report.rows if row.level == 6]
    assert row.verdict == "not applicable"
    assert "np_utils" in row.reason
    assert report.ok
    assert report.notes[-1].startswith("tf_keras: ")
