"""Renders the templates: layout only, the decisions are made before."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from transpile.files import templates_dir

if TYPE_CHECKING:
    import jinja2


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_dir()),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )


def render(template: str, /, **context: object) -> str:
    """The text of a template, such as "torch/module.py.j2"."""
    return _environment().get_template(template).render(**context)


@cache
def helper(name: str) -> str:
    """A function or class that is written once into the user's file."""
    return (templates_dir() / "torch" / "helpers" / f"{name}.py").read_text(encoding="utf-8").rstrip("\n")
