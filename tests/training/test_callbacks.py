"""Keras's own callbacks beside EarlyStopping and the like: files, backups, ends, frequencies."""

from __future__ import annotations

import contextlib
import csv
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from tests.training.programs import HEAD, LINEAR, compare, convert, history, model, run_keras, run_torch, weights
from transpile import keras2torch

BUILD = (
    HEAD + "y_train, y_val = real[:14], real[14:] - 2 * real[:8]\n" + model(LINEAR)
    + 'model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])\n'
)  # fmt: skip
VALIDATION = ", validation_data=(x[14:], y_val)"


def fit(callbacks: str, options: str = VALIDATION, epochs: int = 4) -> str:
    return (
        f"history = model.fit(x[:14], y_train, batch_size=5, epochs={epochs}, shuffle=False, verbose=0, "
        f"callbacks=[{callbacks}]{options})\n"
    )


# EarlyStopping


@pytest.mark.parametrize("options", ["patience=2, baseline=0.9", "patience=3, baseline=2.4, min_delta=0.05"])
@pytest.mark.parametrize("monitor", ["loss", "val_loss"])
@pytest.mark.parametrize("restore", ["", ", restore_best_weights=True"])
def test_baseline(options: str, monitor: str, restore: str) -> None:
    """Only what beats the baseline too starts the wait anew; the best weights need not."""
    source = BUILD + fit(f"keras.callbacks.EarlyStopping(monitor='{monitor}', {options}{restore})", epochs=8)
    theirs, ours = compare(source)
    assert len(history(ours)["loss"]) == len(history(theirs)["loss"])


def test_two_early_stoppings() -> None:
    stop = "keras.callbacks.EarlyStopping(monitor='{}', patience={})"
    compare(BUILD + fit(stop.format("loss", 5) + ", " + stop.format("val_loss", 3), epochs=9))


def test_a_list_under_the_same_name_again() -> None:
    """Each list goes with its training; what is still read stays, and is reported."""
    from transpile import keras2torch

    again = "".join(
        f"callbacks = [keras.callbacks.EarlyStopping(monitor='loss', patience={n})]\n"
        "history = model.fit(x, onehot, epochs=4, verbose=0, shuffle=False, callbacks=callbacks)\n"
        for n in (3, 1)
    )
    source = HEAD + model(LINEAR) + "model.compile(keras.optimizers.SGD(0.1), 'mse')\n" + again
    _, ours = compare(source)
    assert "callbacks" not in ours
    result = keras2torch(source + "print(len(callbacks))\n")
    assert "K2T126" in {d.code for d in result.diagnostics}
    assert "callbacks = [keras" in result.code


# When there is a validation


@pytest.mark.parametrize("frequency", ["2", "3", "[1, 4]"])
def test_validation_freq(frequency: str) -> None:
    """The history has fewer values of the validation; a callback without its value does nothing."""
    stop = "keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)"
    rate = "keras.callbacks.ReduceLROnPlateau(patience=1)"
    source = BUILD + fit(f"{stop}, {rate}", f"{VALIDATION}, validation_freq={frequency}", epochs=7)
    compare(source, tolerance=2e-6)


# Files


def rows(path: Path, separator: str = ",") -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file, delimiter=separator))


@pytest.mark.parametrize(
    ("options", "validation", "more"),
    [
        ("", VALIDATION, ""),
        ("", "", ""),
        (", separator=';'", VALIDATION, ""),
        (", append=True", VALIDATION, ""),
        ("", VALIDATION, "keras.callbacks.ReduceLROnPlateau(patience=1), "),
        ("", VALIDATION + ", validation_freq=2", ""),
    ],
)
def test_csv_logger(options: str, validation: str, more: str, tmp_path: Path) -> None:
    """The same columns in the same order, the same numbers, "NA" in the same places."""
    path = tmp_path / "log.csv"
    logger = f"keras.callbacks.CSVLogger({str(path)!r}{options})"
    twice = fit(more + logger, validation, epochs=3) * 2
    separator = ";" if ";" in options else ","
    run_torch(convert(BUILD + twice).code)
    mine = rows(path, separator)
    path.unlink()
    run_keras(BUILD + twice)
    theirs = rows(path, separator)
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        for left, right in zip(a, b, strict=True):
            assert left == right or float(left) == pytest.approx(float(right), rel=1e-6)


def test_csv_logger_before_the_rate_is_known(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    source = BUILD + fit(f"keras.callbacks.CSVLogger({str(path)!r}), keras.callbacks.ReduceLROnPlateau()", epochs=2)
    run_torch(convert(source).code)
    assert rows(path)[0] == ["epoch", "loss", "mae", "val_loss", "val_mae"]


class Recorder:
    """Stands for the writers of both sides: the package tensorboard is not needed to compare them."""

    seen: ClassVar[list[tuple[str, str, float, int]]] = []
    current: ClassVar[str] = ""

    def __init__(self, log_dir: str) -> None:
        self.folder = Path(log_dir).name

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self.seen.append((self.folder, tag, float(value), step))

    def add_histogram(self, tag: str, values: object, step: int) -> None:
        self.seen.append((self.folder, "histogram", 0.0, step))

    def close(self) -> None:
        pass

    flush = init = close

    @contextlib.contextmanager
    def as_default(self) -> Iterator[None]:
        Recorder.current = self.folder
        yield


def record_keras(monkeypatch: pytest.MonkeyPatch, seen: dict[tuple[str, str, int], float]) -> None:
    """Keras's TensorBoard writes its scalars into a dict."""
    import tensorflow.summary as summary

    def scalar(name: str, data: float, step: int) -> None:
        if name.startswith("epoch_"):
            seen[Recorder.current, name, int(step)] = float(data)

    monkeypatch.setattr(summary, "scalar", scalar)
    monkeypatch.setattr(summary, "create_file_writer", Recorder)
    for name in ("histogram", "graph"):
        monkeypatch.setattr(summary, name, lambda *args, **kwargs: None)


@pytest.mark.parametrize("options", ["", ", histogram_freq=1", ", histogram_freq=2, write_graph=False"])
@pytest.mark.parametrize("validation", [VALIDATION, ""])
def test_tensorboard(options: str, validation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("torch.utils.tensorboard")
    monkeypatch.setattr(module, "SummaryWriter", Recorder, raising=False)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    monkeypatch.setattr(Recorder, "seen", [])
    board = f"keras.callbacks.TensorBoard(log_dir={str(tmp_path)!r}{options})"
    source = BUILD + fit(board, validation, epochs=3)
    result = convert(source)
    assert "K2T344" in [d.code for d in result.diagnostics]
    run_torch(result.code)
    expected: dict[tuple[str, str, int], float] = {}
    record_keras(monkeypatch, expected)
    run_keras(source)
    mine = {(folder, tag, step): v for folder, tag, v, step in Recorder.seen if tag != "histogram"}
    assert set(mine) == set(expected)
    for key, value in expected.items():
        assert mine[key] == pytest.approx(value, rel=1e-6)
    steps = {step for _, tag, _, step in Recorder.seen if tag == "histogram"}
    assert steps == ({0, 1, 2} if "=1" in options else {0, 2} if "=2" in options else set())


# Checkpoints


def saved(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).with_suffix("").with_suffix("").as_posix() for p in folder.rglob("*.*"))


@pytest.mark.parametrize(
    "options",
    [
        "'{}/new/deep/w-{{epoch:02d}}-{{val_loss:.2f}}.weights.h5', save_weights_only=True",
        "'{}/w-{{epoch}}.keras', save_best_only=True, monitor='loss'",
        "'{}/w-{{epoch}}.keras', save_best_only=True, monitor='val_mae', mode='max'",
        "'{}/w-{{epoch}}.keras', save_best_only=True, monitor='loss', initial_value_threshold=1.0",
        "'{}/w-{{epoch}}-{{batch}}.weights.h5', save_freq=4, save_weights_only=True",
        "'{}/w-{{epoch}}.keras', save_best_only=True, monitor='loss', save_freq='epoch', verbose=1",
    ],
)
def test_checkpoint_files(options: str, tmp_path: Path) -> None:
    """Files under the same names, in folders that are made."""
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    source = BUILD + "import os\n" + fit(f"keras.callbacks.ModelCheckpoint({options})", epochs=4)
    run_torch(convert(source.replace("'{}", f"'{mine}").replace("{{", "{").replace("}}", "}")).code)
    run_keras(source.replace("'{}", f"'{theirs}").replace("{{", "{").replace("}}", "}"))
    assert [p.name.split(".weights")[0].removesuffix(".pt") for p in sorted(mine.rglob("*.pt"))] == [
        p.name.removesuffix(".weights.h5").removesuffix(".keras") for p in sorted(theirs.rglob("*.*"))
    ]
    assert list(mine.rglob("*.pt"))


def test_checkpoint_of_two_trainings(tmp_path: Path) -> None:
    """It remembers its best value: the second training, at a rate that is too high, saves nothing."""
    path = tmp_path / "best-{epoch}.keras"
    source = BUILD + (
        f"keep = keras.callbacks.ModelCheckpoint({str(path)!r}, monitor='loss', save_best_only=True)\n"
        + fit("keep", epochs=3) + "model.optimizer.learning_rate = 30.0\n"
        + fit("keep", ", initial_epoch=3" + VALIDATION, epochs=6)
    )  # fmt: skip
    run_torch(convert(source).code)
    mine = sorted(p.stem for p in tmp_path.iterdir())
    for file in tmp_path.iterdir():
        file.unlink()
    run_keras(source)
    assert mine == sorted(p.stem for p in tmp_path.iterdir())


def test_checkpoint_in_a_loop_is_left(tmp_path: Path) -> None:
    from transpile import keras2torch

    made = f"keep = keras.callbacks.ModelCheckpoint('{tmp_path}/w.keras', monitor='loss', save_best_only=True)\n"
    result = keras2torch(BUILD + made + "for i in range(3):\n    " + fit("keep"))
    assert "K2T167" in [d.code for d in result.diagnostics]


def test_checkpoint_period(tmp_path: Path) -> None:
    """`period` of Keras 2: every so many epochs."""
    source = BUILD + fit(f"keras.callbacks.ModelCheckpoint('{tmp_path}/w-{{epoch}}.h5', period=3)", epochs=7)
    run_torch(convert(source).code)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["w-3.pt", "w-6.pt"]


# Ends


@pytest.mark.parametrize("options", ["", "raise_error=True"])
def test_terminate_on_nan(options: str) -> None:
    """After the batch whose loss is no number; what was seen of the epoch is in the history."""
    source = BUILD.replace("SGD(0.1)", "SGD(1e30)") + fit(f"keras.callbacks.TerminateOnNaN({options})")
    code = convert(source).code
    if options:
        with pytest.raises(RuntimeError, match="NaN or Inf"):
            run_torch(code)
        return
    ours, theirs = run_torch(code), run_keras(source)
    assert len(history(ours)["loss"]) == len(history(theirs)["loss"])
    assert np.isfinite(history(ours)["loss"]).tolist() == np.isfinite(history(theirs)["loss"]).tolist()


def test_backup_and_restore(tmp_path: Path) -> None:
    """A run that is interrupted goes on where it stopped, and comes to the same end."""
    folder = tmp_path / "backup"
    source = BUILD.replace("SGD(0.1)", "SGD(0.1, momentum=0.9)") + (
        "class Fail(keras.callbacks.Callback):\n"
        "    def on_epoch_begin(self, epoch, logs=None):\n"
        "        if epoch == 2 and not done:\n"
        "            raise KeyboardInterrupt\n\n"
        "done = False\n"
        f"keep = keras.callbacks.BackupAndRestore({str(folder)!r})\n"
        "try:\n"
        "    model.fit(x[:14], y_train, batch_size=5, epochs=5, shuffle=False, verbose=0, callbacks=[keep, Fail()])\n"
        "except KeyboardInterrupt:\n"
        "    done = True\n" + fit(f"keras.callbacks.BackupAndRestore({str(folder)!r})", epochs=5)
    )  # fmt: skip
    code = convert(source).code
    assert "start_epoch" in code
    ours = run_torch(code)
    assert not folder.exists()
    whole = BUILD.replace("SGD(0.1)", "SGD(0.1, momentum=0.9)") + fit("", epochs=5)
    for mine, other in zip(weights(ours), weights(run_keras(whole)), strict=True):
        np.testing.assert_allclose(mine, other, rtol=2e-6)
    assert len(history(ours)["loss"]) == 3


ASKED = "asked = es.stopped_epoch, es.best, es.wait, es.best_epoch\n"


@pytest.mark.parametrize(
    "options", ["patience=1, min_delta=0.05", "patience=0", "patience=50", "patience=1, baseline=0.1"]
)
def test_what_early_stopping_found(options: str) -> None:
    """Its attributes are variables of the loop."""
    source = HEAD + f"es = keras.callbacks.EarlyStopping(monitor='val_loss', {options})\n" + model(LINEAR)
    source += 'model.compile(keras.optimizers.SGD(0.9), "mse")\nhistory = model.fit(x, real, batch_size=8, epochs=9, '
    source += "shuffle=False, verbose=0, validation_split=0.3, callbacks=[es])\n" + ASKED
    theirs, ours = compare(source + 'print(f"{es.stopped_epoch} {es.best:.3f}")\n')
    assert ours["asked"] == pytest.approx(theirs["asked"], rel=1e-6)


def test_early_stopping_of_a_function_that_runs_twice() -> None:
    build = "".join(f"    {line}\n" for line in (
        *model(LINEAR).splitlines(), 'model.compile(keras.optimizers.SGD(rate), "mse")',
        "es = keras.callbacks.EarlyStopping(monitor='loss', patience=0)",
        "model.fit(x, real, epochs=9, verbose=0, callbacks=[es])", "return es.stopped_epoch, es.best",
    ))  # fmt: skip
    source = HEAD + f"def run(rate):\n{build}found = [run(0.1), run(2.0)]\n"
    np.testing.assert_allclose(run_torch(convert(source).code)["found"], run_keras(source)["found"], rtol=1e-6)


@pytest.mark.parametrize("last", ["print(es.patience)\n", "def late():\n    return es.best\nlate()\n"])
def test_what_early_stopping_cannot_be_asked(last: str) -> None:
    source = HEAD + "es = keras.callbacks.EarlyStopping(monitor='loss')\n" + model(LINEAR)
    source += 'model.compile("sgd", "mse")\nmodel.fit(x, real, callbacks=[es])\n' + last
    assert "K2T126" in {d.code for d in keras2torch(source).diagnostics}


def test_what_tensorboard_does_not_show_is_told() -> None:
    board = "keras.callbacks.TensorBoard('logs', write_images=True, embeddings_freq=1)"
    found = keras2torch(BUILD + fit(board)).diagnostics
    assert [(d.code, d.message) for d in found] == [
        ("K2T344", "TensorBoard gets the scalars, not the graph, images of the weights, embeddings")
    ]
