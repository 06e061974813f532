"""Programs that crash, hang, exit or need what is not there end in a verdict."""

from __future__ import annotations

import re
import site
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from transpile.result import InputInfo, ModelPair
from transpile.verify import Report, Session, verify
from transpile.verify.memory import resident_bytes

KERAS = """
import keras
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
"""
TORCH = """
from torch import nn
model = nn.Sequential(nn.Linear(3, 2))
"""
PAIR = ModelPair("model", "model", (InputInfo("x", (None, 3), "float32"),), ((None, 2),), ("",), ())


def check(session: Session, keras: str = KERAS, torch: str = TORCH) -> Report:
    """Compares the two programs."""
    return session.verify(textwrap.dedent(keras), textwrap.dedent(torch), [PAIR], smoke=False, levels=(1, 2))


def says(report: Report) -> str:
    """Everything that the report gives as a reason."""
    return " ".join([report.problem, *(row.reason for row in report.rows)])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed (SIGSEGV)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGFPE)", "crashed (SIGFPE)"),
        ("import os; os._exit(3)", "ended with status 3"),
    ],
)
def test_crash(line: str, expected: str) -> None:
    with Session(timeout=120) as session:
        report = check(session, torch=TORCH + f"def f():\n    {line}\nmodel.f = f()\n")
        assert not report.ok
        assert expected in report.problem
        assert check(session).ok  # with a new process


@pytest.mark.parametrize(
    ("torch", "expected"),
    [
        ("import sys\nmodel = sys.exit(2)", "torch.py:2: the program exits here"),
        ("model = 1 / 0", "torch.py:1: ZeroDivisionError: division by zero"),
        ("model = 3", "not a module"),
        ("net = 3", "nothing in the file defines model"),
        ("def model(", "torch.py:1: not Python"),
        ("model = input('rate? ')", "EOFError"),
        ("import no_such_module\nmodel = no_such_module.M()", "needs the module no_such_module"),
        ("rates = open('rates.csv').read()\nmodel = rates", "needs the file rates.csv"),
        ("import torch\nmodel = torch.nn.Linear(5, 2)", "(2, 5), Keras gives (2, 3)"),
        ("import torch\nmodel = torch.nn.Sequential()", "no PyTorch module is left"),
    ],
)
def test_programs_that_cannot_be_compared(session: Session, torch: str, expected: str) -> None:
    report = check(session, torch=torch)
    assert not report.ok
    assert expected in says(report)


def test_keras_program_that_fails(session: Session) -> None:
    report = check(session, keras="import keras\nmodel = keras.layers.NoSuchLayer()")
    assert not report.ok
    assert "keras.py:2: AttributeError" in report.problem
    assert any(note.startswith("tf_keras: ") for note in report.notes)


def test_no_model(session: Session) -> None:
    report = session.verify(KERAS, TORCH, [])
    assert not report.ok
    assert report.problem == "there is no model to compare"


def test_output_and_input_of_the_programs_are_silent(session: Session) -> None:
    assert check(session, torch=TORCH + "model.note = print('{\"x\": 1}')").ok


def test_installed_packages_beside_the_program_are_kept(session: Session) -> None:
    """A part of PyTorch that is imported late registers its operators, once per process."""
    beside = Path(site.getsitepackages()[0]).parent
    torch = "import torch._inductor.test_operators\n" + TORCH + "model.note = torch._inductor.test_operators.__name__"
    for _ in range(2):
        report = session.verify(
            KERAS,
            torch,
            [PAIR],
            keras_filename=str(beside / "k.py"),
            torch_filename=str(beside / "t.py"),
            levels=(1, 2),
        )
        assert report.ok, says(report)


def test_timeout() -> None:
    began = time.monotonic()
    with Session(timeout=15) as session:
        report = check(session, torch="import time\nmodel = time.sleep(1000)")
    assert report.problem == "stopped after 15 seconds"
    assert time.monotonic() - began < 40


def test_memory_limit() -> None:
    with Session(timeout=120, memory=2 << 30) as session:
        torch = "import numpy, time\nmodel = numpy.ones(3 << 27)\nmodel = time.sleep(60) or model"
        report = check(session, torch=torch)
    assert report.problem == "stopped at 2.0 GiB of memory"


def test_memory_of_earlier_comparisons_does_not_count() -> None:
    """A child that holds more than half of the limit is replaced before the next comparison."""
    with Session(timeout=120, memory=4 << 30) as session:
        check(session, torch="import builtins, numpy\nmodel = setattr(builtins, 'kept', numpy.ones(9 << 25))")
        held = session._children[False].process.pid
        assert resident_bytes(held) > 2 << 30
        assert check(session).ok
        assert session._children[False].process.pid != held


def test_many_processes() -> None:
    """What a fork bomb does, slowly: the children end with the child that was stopped."""
    with Session(timeout=120) as session:
        lines = ["import subprocess, time", "model = [subprocess.Popen(['sleep', '61.5']) for _ in range(90)]"]
        report = check(session, torch="\n".join([*lines, "model = time.sleep(60) or model"]))
    assert re.fullmatch(r"stopped at \d+ processes", report.problem)
    time.sleep(0.2)
    assert "sleep 61.5" not in subprocess.run(["ps", "-ef"], capture_output=True, text=True, check=True).stdout


def test_huge_print(session: Session) -> None:
    torch = TORCH + "for _ in range(40):\n    print('x' * (1 << 20))\n"
    report = session.verify(KERAS, textwrap.dedent(torch), [PAIR], levels=(6,))
    assert "prints more than 16 MiB" in says(report)


def test_output_beyond_the_file_limit(session: Session) -> None:
    torch = TORCH + "with open('big', 'wb') as file:\n    file.truncate(2 << 30)\n"
    report = session.verify(KERAS, textwrap.dedent(torch), [PAIR], levels=(6,))
    assert "File too large" in says(report)


def test_processor_time() -> None:
    with Session(timeout=120) as session:
        assert check(session).ok
        session.timeout = 5  # four threads' worth: 20 seconds of processor time at most
        report = check(session, torch="model = 0\nwhile True:\n    model = 1 - model")
    assert "stopped" in report.problem


def test_child_ends_with_its_parent() -> None:
    program = """
    import os, sys
    from transpile.verify.session import Child
    child = Child(False, "cpu")
    print(child.process.pid, flush=True)
    os._exit(1)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    group = int(done.stdout)
    for _ in range(100):
        if resident_bytes(group) == 0:
            break
        time.sleep(0.1)
    assert resident_bytes(group) == 0


def test_cuda_without_a_gpu() -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    report = verify(KERAS, TORCH, [PAIR], device="cuda", levels=(1, 2))
    assert report.problem == "device cuda was asked for, and PyTorch sees no GPU"


def test_device_auto_takes_what_there_is() -> None:
    report = verify(KERAS, TORCH, [PAIR], device="auto", levels=(1, 2))
    assert report.ok
    assert report.device in {"cpu", "cuda"}


def test_modules_beside_the_program(session: Session, tmp_path: Path) -> None:
    (tmp_path / "sizes.py").write_text("UNITS = 2\n")
    torch = "from sizes import UNITS" + TORCH.replace("2", "UNITS")
    file = str(tmp_path / "x_torch.py")
    report = session.verify(KERAS, torch, [PAIR], torch_filename=file, smoke=False)
    assert report.ok
    (tmp_path / "sizes.py").write_text("UNITS = 20\n")
    report = session.verify(KERAS, torch, [PAIR], torch_filename=file, smoke=False)
    assert not report.ok


def test_no_framework_in_the_parent() -> None:
    program = """
    import sys
    from transpile.verify import Session, verify
    print(sorted({"torch", "tensorflow", "keras", "libcst"} & set(sys.modules)))
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
