"""The command line. What the commands do stands in cli_convert, cli_listing and hook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from transpile import __version__
from transpile.cli_convert import Device, KerasBackend, Request, run
from transpile.convert import Direction, Layout, Options, Style

_LAYOUT = click.option(
    "--layout",
    type=click.Choice(get_args(Layout)),
    default="drop-in",
    show_default=True,
    help="drop-in takes and returns the arrays of the original; native uses the other framework's layout.",
)
_STYLE = click.option(
    "--style",
    type=click.Choice([style for style in get_args(Style) if style != "default"]),
    default=None,
    help="exact writes out what differs only by convention; idiomatic leaves out what changes no result.",
)
_FORMAT = click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to report.",
)
_DEVICE = click.option(
    "--device",
    type=click.Choice(get_args(Device)),
    default="auto",
    show_default=True,
    help="Where to verify.",
)
_BACKEND = click.option(
    "--keras-backend",
    "backend",
    type=click.Choice(get_args(KerasBackend)),
    default="auto",
    show_default=True,
    help="What Keras computes on when verifying; auto takes the first that is installed.",
)
_COUNT = click.IntRange(min=1)
_FILE = click.Path(allow_dash=True)
_STATUS = """\b
Exit status:
  0  all converted
  1  converted, and a person must look at what the diagnostics say
  2  unusable input or usage, nothing was written"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="transpile %(version)s")
def cli() -> None:
    """Turns Keras programs into PyTorch programs and back, and shows that both compute the same."""


_OPTIONS = (
    click.argument("file", type=_FILE),
    click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file."),
    click.option("--verify", is_flag=True, help="Run both programs and compare."),
    click.option("--diff", is_flag=True, help="Print a diff instead of the program."),
    click.option("--check", is_flag=True, help="Write nothing: diagnostics and exit status only."),
    _LAYOUT,
    _STYLE,
    _FORMAT,
    click.option("--force", is_flag=True, help="Overwrite an output that was edited by hand."),
    _DEVICE,
    _BACKEND,
)


def _conversion(function: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the argument and the options of a conversion."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def _convert(direction: Direction, file: str, layout: Layout, style: Style | None, **given: Any) -> None:
    if given["check"] and (given["output"] or given["diff"]):
        raise click.UsageError("--check writes nothing; leave out -o and --diff")
    as_json = given.pop("format_") == "json"
    options = Options(layout, style or "default", direction)
    raise SystemExit(run(Request(file=file, options=options, json=as_json, **given)))


@cli.command(epilog=_STATUS)
@_conversion
def keras2torch(**given: Any) -> None:
    """Convert the Keras program FILE ("-" for the standard input) to PyTorch.

    The program goes to the standard output or to -o, diagnostics to the standard error.
    """
    _convert("keras2torch", **given)


@cli.command(epilog=_STATUS)
@_conversion
def torch2keras(**given: Any) -> None:
    """Convert the PyTorch program FILE ("-" for the standard input) to Keras.

    The program goes to the standard output or to -o, diagnostics to the standard error.
    """
    _convert("torch2keras", **given)


@cli.command()
@click.argument("original", type=click.Path())
@click.argument("converted", type=click.Path())
@_DEVICE
@_BACKEND
@_FORMAT
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=600,
    show_default=True,
    help="Seconds for each check.",
)
@click.option("--max-epochs", type=_COUNT, help="Run whole programs for this many epochs at most.")
@click.option("--max-batches", type=_COUNT, help="Use this many batches of each data set at most.")
@click.option("--max-samples", type=_COUNT, help="Use this many samples of each data set at most.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the report as a page of HTML.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write the report as JUnit XML.")
def verify(format_: str, **given: Any) -> None:
    """Run a program and its counterpart in the other framework, and compare them.

    Both are compared model by model, and then run to their end.

    Exit status: 0 both compute the same, 1 they don't, 2 unusable input.
    """
    from transpile.cli_verify import Comparison, run_verify

    raise SystemExit(run_verify(Comparison(json=format_ == "json", **given)))


@cli.command()
@click.argument("code", required=False)
def explain(code: str | None) -> None:
    """Explain a diagnostic, such as K2T104; without CODE list them all."""
    from transpile import cli_listing

    raise SystemExit(cli_listing.explain(code) if code else cli_listing.list_codes())


@cli.command()
@_FORMAT
def ops(format_: str) -> None:
    """List the layers and functions that are supported."""
    from transpile import cli_listing

    raise SystemExit(cli_listing.list_ops(as_json=format_ == "json"))


@cli.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@_LAYOUT
@_STYLE
@click.option("--force", is_flag=True, help="Overwrite outputs that were edited by hand.")
@click.option(
    "--direction",
    type=click.Choice(get_args(Direction)),
    default="keras2torch",
    show_default=True,
    help="Which programs are converted to which.",
)
def hook(files: tuple[Path, ...], layout: Layout, style: Style | None, force: bool, direction: Direction) -> None:
    """Keep x_torch.py (or x_keras.py) in step with each x.py of FILES; for pre-commit.

    Fails where a file was written, so that the commit is made again with it.
    """
    from transpile.hook import run_hook

    raise SystemExit(run_hook(files, Options(layout, style or "default", direction), force=force))
