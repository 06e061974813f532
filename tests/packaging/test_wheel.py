"""The wheel and the sdist: complete, and the installed command converts a file."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KERAS = """\
import keras
from keras import layers

model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="relu")])
"""


def templates() -> set[str]:
    """The templates of the checkout, relative to its root."""
    files = (p for p in (ROOT / "templates").rglob("*") if p.is_file())
    return {p.relative_to(ROOT).as_posix() for p in files if "__pycache__" not in p.parts}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a wheel and the sdist that it was built from."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


def test_wheel_holds_package_and_templates(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"transpile/{name}" for name in templates()} <= names
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "transpile").rglob("*.py")}
    assert modules <= names
    assert "transpile/py.typed" in names
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"transpile"}


def test_sdist_holds_the_templates(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert templates() <= names
    assert {"LICENSE", "README.md", "pyproject.toml"} <= names


@pytest.mark.slow
def test_installed_wheel_converts(wheel: Path, tmp_path: Path) -> None:
    """In an environment that has the core dependencies and nothing else."""
    environment = tmp_path / "env"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", str(wheel)], check=True)
    source = tmp_path / "x.py"
    source.write_text(KERAS)
    command = [environment / "bin" / "transpile", "keras2torch", "x.py", "-o", "x_torch.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    code = (tmp_path / "x_torch.py").read_text()
    assert "nn.Linear(4, 3)" in code
    probe = "import importlib.util as u; print(u.find_spec('torch'), u.find_spec('keras'))"
    found = subprocess.run([python, "-c", probe], capture_output=True, text=True, check=True)
    assert found.stdout == "None None\n"
