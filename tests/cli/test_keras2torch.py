"""`transpile keras2torch`: what goes where, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

CLEAN = b"import keras\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.py"
    path.write_bytes(CLEAN)
    return path


def test_code_on_stdout(run: Run, file: Path) -> None:
    result = run("keras2torch", str(file))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "import torch\n", "")


def test_stdin(run: Run) -> None:
    result = run("keras2torch", "-", input=CLEAN)
    assert (result.exit_code, result.stdout) == (0, "import torch\n")


@pytest.mark.parametrize(("word", "status"), [("BAD", 1), ("LOOK", 1), ("KNOW", 0)])
def test_status_follows_the_level(run: Run, word: str, status: int) -> None:
    result = run("keras2torch", "-", input=f"keras({word})\n".encode())
    assert result.exit_code == status
    assert result.stdout == f"torch({word})\n"
    assert "<stdin>:1:7: " in result.stderr


def test_output_file(run: Run, file: Path) -> None:
    out = file.with_name("y.py")
    result = run("keras2torch", str(file), "-o", str(out))
    assert (result.exit_code, result.stdout) == (0, "")
    assert out.read_text() == "import torch\n"
    assert sorted(p.name for p in file.parent.iterdir()) == ["x.py", "y.py"]


def test_output_is_written_again_after_the_source_changed(run: Run, file: Path) -> None:
    out = file.with_name("y.py")
    run("keras2torch", str(file), "-o", str(out))
    file.write_text("import keras  # new\n")
    assert run("keras2torch", str(file), "-o", str(out)).exit_code == 0
    assert out.read_text() == "import torch  # new\n"


def test_output_keeps_its_mode(run: Run, file: Path) -> None:
    out = file.with_name("y.py")
    out.write_text("import torch\n# old\n")
    out.chmod(0o750)
    run("keras2torch", str(file), "-o", str(out), "--force")
    assert out.stat().st_mode & 0o777 == 0o750


def test_output_through_a_link(run: Run, file: Path) -> None:
    real, link = file.with_name("real.py"), file.with_name("link.py")
    real.write_text("")
    link.symlink_to(real)
    run("keras2torch", str(file), "-o", str(link), "--force")
    assert link.is_symlink()
    assert real.read_text() == "import torch\n"


def test_hand_edited_output_is_refused(run: Run, file: Path) -> None:
    out = file.with_name("y.py")
    run("keras2torch", str(file), "-o", str(out))
    out.write_text("import torch  # by hand\n")
    refused = run("keras2torch", str(file), "-o", str(out))
    assert refused.exit_code == 2
    assert "K2T011" in refused.stderr
    assert out.read_text() == "import torch  # by hand\n"
    assert run("keras2torch", str(file), "-o", str(out), "--force").exit_code == 0
    assert out.read_text() == "import torch\n"


def test_the_source_itself_is_not_overwritten(run: Run, file: Path) -> None:
    assert run("keras2torch", str(file), "-o", str(file)).exit_code == 2
    assert file.read_bytes() == CLEAN


@pytest.mark.parametrize("target", ["no/such/dir/y.py", "."])
def test_output_that_cannot_be_written(run: Run, file: Path, target: str) -> None:
    result = run("keras2torch", str(file), "-o", str(file.parent / target))
    assert result.exit_code == 2
    assert "K2T010" in result.stderr


def test_check_prints_diagnostics_only(run: Run) -> None:
    result = run("keras2torch", "--check", "-", input=b"keras(BAD)\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "K2T104" in result.stderr


def test_check_and_output_exclude_each_other(run: Run, file: Path) -> None:
    assert run("keras2torch", "--check", "-o", "y.py", str(file)).exit_code == 2


def test_diff(run: Run, file: Path) -> None:
    result = run("keras2torch", "--diff", str(file))
    new = file.with_name("x_torch.py")
    expected = f"--- {file}\n+++ {new}\n@@ -1 +1 @@\n-import keras\n+import torch\n"
    assert (result.exit_code, result.stdout) == (0, expected)
    assert not new.exists()


def test_options_reach_the_converter(run: Run, file: Path) -> None:
    assert run("keras2torch", "--layout", "native", str(file)).stdout.startswith("# native")


def test_json(run: Run) -> None:
    source = "é = keras(BAD,\n  KNOW)\n"
    result = run("keras2torch", "--format", "json", "-", input=source.encode())
    answer = json.loads(result.stdout)
    assert result.stderr == ""
    assert answer["exit_status"] == result.exit_code == 1
    assert answer["code"] == source.replace("keras", "torch")
    assert answer["models"] == []
    assert answer["verification"] is None
    bad, know = answer["diagnostics"]
    assert bad == {
        "file": "<stdin>",
        "line": 1,
        "column": 11,
        "end_line": 1,
        "end_column": 14,
        "code": "K2T104",
        "level": "error",
        "message": "bad argument",
        "hint": bad["hint"],
    }
    assert (know["line"], know["column"], know["level"]) == (2, 3, "note")


def test_json_of_an_unusable_file(run: Run) -> None:
    result = run("keras2torch", "--format", "json", "-", input=b"x = (\n")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["exit_status"]) == (2, 2)
    assert answer["diagnostics"][0]["code"] == "K2T005"


def test_unknown_option_is_a_usage_error(run: Run) -> None:
    assert run("keras2torch", "--no-such-option").exit_code == 2
