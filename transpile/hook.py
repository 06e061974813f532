"""The pre-commit hook: x_torch.py (or x_keras.py) is what x.py converts to.

Like other generating hooks it writes, and then fails, so that the commit is made again with
the file that was written. It never overwrites a file that was edited by hand (see written.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from transpile.cli_output import put, show_findings
from transpile.convert import Options, convert, convert_bytes, target_name
from transpile.files import read_source
from transpile.render import find, from_unusable
from transpile.result import UnusableInput
from transpile.written import git, write

_MENTIONS = {
    "keras2torch": re.compile(rb"\bkeras\b|\btensorflow\b|\btf_keras\b"),
    "torch2keras": re.compile(rb"\btorch\b"),
}


def run_hook(files: Iterable[Path], options: Options, *, force: bool = False) -> int:
    """1 where a file was written or must be, 0 where all are in step."""
    in_step = [_in_step(file, options, force) for file in files]
    return 0 if all(in_step) else 1


def _in_step(path: Path, options: Options, force: bool) -> bool:
    target = target_name(path, options.direction)
    if path.stem.endswith(("_torch", "_keras")) or not _mentions(path, options):
        return True
    text = ""
    try:
        source = read_source(path)
        text = source.text
        result = convert(source, str(path), options)
        if result.code == text:  # the framework is mentioned, not used
            return True
        data = source.encode(result.code)
        written = write(target, data, path, lambda old: convert_bytes(old, options), force=force)
    except UnusableInput as error:
        show_findings([from_unusable(error, str(path))], text, str(path), quiet=True)
        return False
    if written:
        show_findings(find(result.diagnostics, text, str(path)), text, str(path))
        put(f"{target}: written from {path}; add it to the commit\n")
        return False
    if _untracked(target):
        put(f"{target}: up to date, but not added to the commit\n")
        return False
    return True


def _mentions(path: Path, options: Options) -> bool:
    try:
        return bool(_MENTIONS[options.direction].search(path.read_bytes()))
    except OSError:
        return False


def _untracked(path: Path) -> bool:
    """Inside a git repository, and not known to it."""
    inside = git(path, "rev-parse", "--is-inside-work-tree") is not None
    return inside and git(path, "ls-files", "--error-unmatch", "--", path.name) is None
