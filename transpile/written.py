"""Which files did this program write? Files edited since are never overwritten unasked.

The emitted code carries no marker. A file counts as ours when its content is

- what would be written now, or
- what was last written there on this machine (its hash is kept in the user's cache), or
- what the committed source (git HEAD) converts to: so a fresh clone needs no cache.

Losing the cache is harmless: a file is then refused that could have been overwritten.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from transpile.files import write_atomically
from transpile.result import UnusableInput


def write(
    target: Path,
    content: bytes,
    source: Path | None,
    convert: Callable[[bytes], bytes | None],
    *,
    force: bool = False,
) -> bool:
    """Writes and remembers; False where the file was up to date already.

    Raises UnusableInput where the file was edited by hand, or cannot be written.
    """
    try:
        existing = target.read_bytes() if target.exists() else None
        if existing is not None and existing != content and not force:
            _refuse_edited(target, existing, source, convert)
        if existing != content:
            write_atomically(target, content)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnusableInput("K2T010", f"cannot write {target}: {reason}") from None
    remember(target, content)
    return existing != content


def _refuse_edited(
    target: Path,
    existing: bytes,
    source: Path | None,
    convert: Callable[[bytes], bytes | None],
) -> None:
    if _recorded(target) == _digest(existing):
        return
    committed = None if source is None else at_head(source)
    if committed is not None and convert(committed) == existing:
        return
    raise UnusableInput("K2T011", f"{target} was edited by hand, or not written by transpile")


def remember(target: Path, content: bytes) -> None:
    """Records the content as ours; a cache that cannot be written is no error."""
    with contextlib.suppress(OSError):
        record = _record(target)
        record.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(record, _digest(content))


def _recorded(target: Path) -> str:
    try:
        return _record(target).read_text()
    except OSError:
        return ""


def _record(target: Path) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache / "transpile" / "written" / _digest(os.fsencode(target.resolve()))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def at_head(path: Path) -> bytes | None:
    """The file as git has it committed; None where it does not."""
    return git(path, "show", f"HEAD:./{path.name}")


def git(path: Path, *arguments: str) -> bytes | None:
    """The output of a git command run beside the file; None where it fails."""
    try:
        done = subprocess.run(["git", *arguments], cwd=path.absolute().parent, capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
