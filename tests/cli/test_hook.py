"""The hook, in git repositories; at the end with pre-commit itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
KERAS = "import keras\n\nmodel = keras.Sequential([keras.layers.Dense(3)])\n"


def git(repository: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command = ["git", *identity, *arguments]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with x.py committed; it is the working directory."""
    git(tmp_path, "init", "-q")
    (tmp_path / "x.py").write_text(KERAS)
    git(tmp_path, "add", "x.py")
    git(tmp_path, "commit", "-qm", "x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_writes_then_passes_once_added(run: Run, repository: Path) -> None:
    first = run("hook", "x.py")
    assert (first.exit_code, "x_torch.py: written from x.py" in first.stdout) == (1, True)
    assert "torch.Sequential" in (repository / "x_torch.py").read_text()
    second = run("hook", "x.py")
    assert (second.exit_code, "not added" in second.stdout) == (1, True)
    git(repository, "add", "x_torch.py")
    third = run("hook", "x.py")
    assert (third.exit_code, third.output) == (0, "")


def test_writes_again_after_the_source_changed(run: Run, repository: Path) -> None:
    run("hook", "x.py")
    git(repository, "add", "x_torch.py")
    (repository / "x.py").write_text(KERAS + "print(keras)\n")
    assert run("hook", "x.py").exit_code == 1
    assert (repository / "x_torch.py").read_text().endswith("print(torch)\n")
    assert run("hook", "x.py").exit_code == 0


def test_knows_its_files_in_a_fresh_clone(
    run: Run, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("hook", "x.py")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "both")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    (repository / "x.py").write_text(KERAS + "print(keras)\n")
    result = run("hook", "x.py")
    assert (result.exit_code, "written" in result.stdout) == (1, True)


def test_refuses_a_hand_edited_file(run: Run, repository: Path) -> None:
    run("hook", "x.py")
    target = repository / "x_torch.py"
    target.write_text(target.read_text() + "# by hand\n")
    git(repository, "add", ".")
    (repository / "x.py").write_text(KERAS + "print(keras)\n")
    result = run("hook", "x.py")
    assert (result.exit_code, "K2T011" in result.stderr) == (1, True)
    assert target.read_text().endswith("# by hand\n")
    assert run("hook", "--force", "x.py").exit_code == 1
    assert not target.read_text().endswith("# by hand\n")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain.py", "import os\n"),
        ("y_torch.py", KERAS),
        ("comment.py", "import os  # tensorflow is slow\n"),
        ("old.py", "print 'no framework here'\n"),
        ("none.py", None),
    ],
)
def test_skips(run: Run, repository: Path, name: str, text: str | None) -> None:
    if text is not None:
        (repository / name).write_text(text)
    result = run("hook", name)
    assert (result.exit_code, result.output) == (0, "")
    assert not (repository / name.replace(".py", "_torch.py")).exists()


def test_unusable_keras_file_fails(run: Run, repository: Path) -> None:
    (repository / "old.py").write_text("import keras\nprint 'x'\n")
    result = run("hook", "old.py", "x.py")
    assert (result.exit_code, "K2T004" in result.stderr) == (1, True)
    assert (repository / "x_torch.py").exists()
    assert not (repository / "old_torch.py").exists()


def test_works_without_git(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text(KERAS)
    assert run("hook", str(path)).exit_code == 1
    assert run("hook", str(path)).exit_code == 0


def commit(repository: Path) -> subprocess.CompletedProcess[str]:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-m", "c"]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)


def check_commits(repository: Path) -> None:
    """A commit fails until the file that the hook wrote is part of it."""
    source, target = repository / "x.py", repository / "x_torch.py"
    source.write_text(KERAS + "# changed\n")
    git(repository, "add", ".")
    refused = commit(repository)
    assert refused.returncode == 1, refused.stderr
    assert "x_torch.py: written from x.py" in refused.stderr
    assert "import torch" in target.read_text()
    assert commit(repository).returncode == 1  # written, but not added
    git(repository, "add", ".")
    accepted = commit(repository)
    assert accepted.returncode == 0, accepted.stderr
    assert git(repository, "status", "--short") == ""
    target.write_text(target.read_text() + "# by hand\n")
    source.write_text(KERAS + "# changed again\n")
    git(repository, "add", ".")
    refused = commit(repository)
    assert (refused.returncode, "K2T011" in refused.stderr) == (1, True)
    assert target.read_text().endswith("# by hand\n")


def install(repository: Path, config: dict[str, object]) -> None:
    (repository / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [config]}))
    command = [sys.executable, "-m", "pre_commit", "install"]
    subprocess.run(command, cwd=repository, capture_output=True, check=True)


def declared(name: str) -> dict[str, str]:
    """A hook as .pre-commit-hooks.yaml declares it."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    (hook,) = [h for h in hooks if h["id"] == name]
    return dict(hook)


def test_the_other_direction(run: Run, repository: Path) -> None:
    command = declared("torch2keras")["entry"].removeprefix("transpile ").split()
    (repository / "net.py").write_text("import torch\n\nmodel = torch.nn.Linear(3, 2)\n")
    git(repository, "add", "net.py")
    first = run(*command, "net.py", "x.py")
    assert (first.exit_code, "net_keras.py: written from net.py" in first.stdout) == (1, True)
    assert "layers.Dense(2" in (repository / "net_keras.py").read_text()
    git(repository, "add", "net_keras.py")
    assert run(*command, "net.py", "net_keras.py", "x.py").exit_code == 0


def test_with_pre_commit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pre-commit drives the hook as .pre-commit-hooks.yaml declares it, from this environment."""
    hook = declared("keras2torch")
    entry = hook["entry"].replace("transpile", f"{sys.executable} -m transpile")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    hook |= {"language": "system", "entry": entry}
    install(repository, {"repo": "local", "hooks": [hook]})
    check_commits(repository)


@pytest.mark.slow
def test_with_pre_commit_from_the_repository(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pre-commit clones this repository, builds it and installs it, as a user's would."""
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path_factory.mktemp("pre-commit")))
    clone = tmp_path_factory.mktemp("clone") / "transpile"
    git(ROOT, "clone", "-q", str(ROOT), str(clone))
    revision = git(clone, "rev-parse", "HEAD").strip()
    config = {"repo": str(clone), "rev": revision, "hooks": [{"id": "keras2torch"}]}
    install(repository, config)
    check_commits(repository)
