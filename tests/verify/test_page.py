"""The report as a page: what it shows, and that a browser shows it."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from transpile import keras2torch
from transpile.verify import Report, Row
from transpile.verify.page import Side, page
from transpile.verify.report import Curve, LayerError

SOURCE = """import keras
from keras import layers

# <b>one</b> layer
model = keras.Sequential([keras.Input((4,)), layers.Dense(2), layers.Hashing(3)])
"""
RESULT = keras2torch(SOURCE)
REPORT = Report(
    rows=(
        Row(2, "inference mode", "ok", 60, 4.8e-16, 1e-9, model="model"),
        Row(6, "loss of 3 updates", "FAILED", 3, 0.5, 1e-5, "they part at update 2: Keras 1, PyTorch 2"),
    ),
    keras="Keras 3.15.1 (tensorflow)",
    torch="PyTorch 2.13.0",
    device="cpu",
    dtype="float64",
    curves=(Curve("loss of every update", (3.0, 2.0, float("nan")), (3.0, 2.5, 1.0)),),
    layers=(LayerError("dense", "0", 0.0, 1e-9), LayerError("dense_1", "2", float("inf"), 1e-9)),
)
HTML = page(REPORT, Side("x.py", SOURCE), Side("x_torch.py", RESULT.code), RESULT.diagnostics)


class _Tags(HTMLParser):
    """Whether every element is closed."""

    VOID = frozenset({"meta", "col"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: object) -> None:
        assert tag == "polyline"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_stands_alone() -> None:
    parser = _Tags()
    parser.feed(HTML)
    assert parser.open == []
    assert not re.search(r"<script|https?://|<link|src=|@import", HTML)


def test_what_it_shows() -> None:
    body = HTML.partition("<body>")[2]
    assert body.strip().startswith('<h1 class="bad">Not verified</h1>')  # the verdict comes first
    assert "they part at update 2: Keras 1, PyTorch 2" in body
    assert "&lt;b&gt;one&lt;/b&gt; layer" in body
    assert "error[K2T101] the layer Hashing is not supported yet" in body
    assert body.count("<polyline") == 2
    assert "nan" not in body
    assert 'class="bar bad"' in body
    assert "Keras 3.15.1 (tensorflow)" in body


def test_of_a_comparison_that_did_not_happen() -> None:
    text = page(Report(problem="x.py:3: needs the file a<b.csv"), Side("x.py", ""), Side("y.py", ""), ())
    assert "needs the file a&lt;b.csv" in text


def test_in_a_browser(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    (tmp_path / "report.html").write_text(HTML)
    options = "--headless --no-sandbox --disable-gpu --hide-scrollbars --enable-logging=stderr --window-size=1400,1200"
    command = [browser, *options.split(), f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000"]
    shot = tmp_path / "report.png"
    done = subprocess.run(
        [*command, f"--screenshot={shot}", (tmp_path / "report.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "CONSOLE" not in done.stderr  # neither an error of a script nor a complaint about the page
    assert shot.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert shot.stat().st_size > 20_000
