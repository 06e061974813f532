"""One of several optimizers, made as the program's text picks it: by a name, or of a list of objects."""

from __future__ import annotations

from collections.abc import Sequence

from transpile.backends.torch_epoch import Text, optimizer_of
from transpile.backends.torch_functions import Functions
from transpile.splice import Output
from transpile.training_ir import Compiled, Optimizer


def picked(compiled: Compiled, model: str, offset: int, functions: Functions, output: Output) -> Text | None:
    """The optimizer of a model, made by what the program picks; None where there is but one."""
    if compiled.picked is None:
        return None
    for span, chosen in compiled.listed:
        made = _factory(chosen)
        functions.helpers(made.helpers, offset)
        functions.imports(made.text)
        output.edit(span, made.text)
    maker = compiled.picked.text
    if compiled.named:
        table = _factories(compiled.named)
        functions.helpers(table.helpers, offset)
        maker = f"{functions.constant('OPTIMIZERS', table.text, offset)}[{maker}]"
    return Text(f"{maker}({model}.parameters())")


def _factory(chosen: Optimizer) -> Text:
    """What makes an optimizer when it is called with parameters."""
    made = optimizer_of(chosen, "")
    cls, _, given = made.text.removesuffix(")").partition("(, ")
    return Text(f"functools.partial({cls}, {given})", made.helpers)


def _factories(named: Sequence[tuple[str, Optimizer]]) -> Text:
    """A dict of what makes the optimizers, by the names that the program has for them."""
    made = {name: _factory(chosen) for name, chosen in named}
    items = "".join(f'    "{name}": {one.text},\n' for name, one in made.items())
    return Text(f"{{\n{items}}}", tuple(dict.fromkeys(h for one in made.values() for h in one.helpers)))
