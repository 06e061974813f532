"""Reading and writing files: bytes to text and back, without losing what the bytes were."""

from __future__ import annotations

import io
import os
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path

from transpile.result import UnusableInput

MAX_BYTES = 4_000_000
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UTF8_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SourceText:
    """A source file. `text` has newlines only; `encode` gives the file's own form back."""

    text: str
    newline: str = "\n"
    bom: bool = False
    encoding: str = "utf-8"
    raw: bytes = b""

    def encode(self, code: str) -> bytes:
        """The bytes of `code` in this file's encoding, line endings and byte order mark.

        Unchanged text gives the very bytes that were read, mixed line endings included.
        """
        if code == self.text and self.raw:
            return self.raw
        data = code.replace("\n", self.newline).encode(self.encoding)
        return _UTF8_BOM + data if self.bom else data


def read_source(source: str | Path | bytes) -> SourceText:
    """Reads a Python file (or its bytes); raises UnusableInput where it is not text."""
    if isinstance(source, bytes):
        data = source
    else:
        if Path(source).suffix == ".ipynb":
            raise UnusableInput("K2T006", "notebooks are not supported yet")
        data = _read_bytes(Path(source))
    _refuse_binary(data)
    encoding, bom = _encoding(data)
    raw = _decode(data.removeprefix(_UTF8_BOM) if bom else data, encoding)
    text = raw.replace("\r\n", "\n").replace("\r", "\n")
    if text.lstrip()[:1] == "{" and '"nbformat"' in text:
        raise UnusableInput("K2T006", "notebooks are not supported yet")
    return SourceText(text, _newline(raw), bom, encoding, data)


def _read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnusableInput("K2T007", f"cannot read {path}: {reason}") from None


def _refuse_binary(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        limit = MAX_BYTES // 1_000_000
        raise UnusableInput("K2T003", f"the file is larger than {limit} MB")
    if data.startswith(_UTF16):
        raise UnusableInput("K2T002", "the file is UTF-16, which Python does not read")
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise UnusableInput("K2T001", f"not a text file (NUL byte in line {line})")


def _encoding(data: bytes) -> tuple[str, bool]:
    """The encoding by PEP 263, and whether a byte order mark stands in front."""
    try:
        name, _ = tokenize.detect_encoding(io.BytesIO(_newlines(data)).readline)
    except SyntaxError as error:
        message = error.msg or ""
        if "invalid or missing" in message:  # bad bytes, not a bad cookie
            return "utf-8", data.startswith(_UTF8_BOM)
        if "problem" in message:
            message = "the byte order mark says UTF-8 and the first lines something else"
        raise UnusableInput("K2T002", re.sub(r" for .*", "", message)) from None
    if data.startswith(_UTF8_BOM):
        return "utf-8", True
    return name, False


def _decode(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        before = _newlines(data[: error.start])
        line = before.count(b"\n") + 1
        start = before.rfind(b"\n") + 1
        column = len(before[start:].decode(encoding, "replace")) + 1
        message = f"byte 0x{data[error.start]:02x} is not valid {encoding}"
        raise UnusableInput("K2T002", message, line, column) from None


def _newlines(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _newline(raw: str) -> str:
    """The line ending that the file uses most."""
    pairs = raw.count("\r\n")
    counts = {
        "\n": raw.count("\n") - pairs,
        "\r\n": pairs,
        "\r": raw.count("\r") - pairs,
    }
    return max(counts, key=lambda ending: counts[ending])


def write_atomically(path: Path, content: str | bytes) -> None:
    """Writes the whole file or nothing; an existing file keeps its mode, a link its target."""
    data = content.encode() if isinstance(content, str) else content
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o7777)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def templates_dir() -> Path:
    """Where the templates lie: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parent
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"
