"""`python -m transpile`, and the `transpile` command."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Runs the command line; a defect of ours is exit status 2 as well, not a traceback."""
    gc.set_threshold(100_000, 20, 20)  # a short life with many objects
    try:
        from transpile.cli import cli

        cli(prog_name="transpile")
    except Exception as error:
        if os.environ.get("TRANSPILE_DEBUG"):
            raise
        message = f"error[K2T009] error of this program: {type(error).__name__}: {error}"
        print(message, "(TRANSPILE_DEBUG=1 shows the traceback)", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    # `python -m` puts the folder that the user is in first: a json.py there is not ours to run.
    sys.path[:] = [p for p in sys.path if os.path.abspath(p) != os.getcwd()]  # noqa: PTH100, PTH109
    main()
