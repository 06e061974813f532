"""The command line. What the commands do stands in cli_convert, cli_listing and hook."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from transpile import __version__
from transpile.cli_convert import Device, Request, run, run_verify
from transpile.convert import Layout, Options, Style

_LAYOUT = click.option(
    "--layout",
    type=click.Choice(get_args(Layout)),
    default="drop-in",
    show_default=True,
    help="drop-in takes and returns the arrays of the Keras model; native uses PyTorch's layout.",
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
_FILE = click.Path(allow_dash=True)
_STATUS = """\b
Exit status:
  0  all converted
  1  converted, and a person must look at what the diagnostics say
  2  unusable input or usage, nothing was written"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="transpile %(version)s")
def cli() -> None:
    """Turns Keras programs into PyTorch programs, and shows that both compute the same."""


@cli.command(epilog=_STATUS)
@click.argument("file", type=_FILE)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file.")
@click.option("--verify", is_flag=True, help="Run both programs and compare.")
@click.option("--diff", is_flag=True, help="Print a diff instead of the program.")
@click.option("--check", is_flag=True, help="Write nothing: diagnostics and exit status only.")
@_LAYOUT
@_STYLE
@_FORMAT
@click.option("--force", is_flag=True, help="Overwrite an output that was edited by hand.")
@_DEVICE
def keras2torch(
    file: str,
    output: Path | None,
    verify: bool,
    diff: bool,
    check: bool,
    layout: Layout,
    style: Style | None,
    format_: str,
    force: bool,
    device: Device,
) -> None:
    """Convert the Keras program FILE ("-" for the standard input) to PyTorch.

    The program goes to the standard output or to -o, diagnostics to the standard error.
    """
    if check and (output or diff):
        raise click.UsageError("--check writes nothing; leave out -o and --diff")
    options = Options(layout, style or "default")
    as_json = format_ == "json"
    request = Request(file, output, options, verify, diff, check, as_json, force, device)
    raise SystemExit(run(request))


@cli.command()
@click.argument("keras_file", type=click.Path())
@click.argument("torch_file", type=click.Path())
@_DEVICE
@_FORMAT
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=600,
    show_default=True,
    help="Seconds for each check.",
)
def verify(keras_file: str, torch_file: str, device: Device, format_: str, timeout: float) -> None:
    """Run a Keras program and its PyTorch counterpart, and compare them.

    Exit status: 0 both compute the same, 1 they don't, 2 unusable input.
    """
    as_json = format_ == "json"
    status = run_verify(keras_file, torch_file, device=device, as_json=as_json, timeout=timeout)
    raise SystemExit(status)


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
def hook(files: tuple[Path, ...], layout: Layout, style: Style | None, force: bool) -> None:
    """Keep x_torch.py in step with each x.py of FILES; for pre-commit.

    Fails where a file was written, so that the commit is made again with it.
    """
    from transpile.hook import run_hook

    raise SystemExit(run_hook(files, Options(layout, style or "default"), force=force))
