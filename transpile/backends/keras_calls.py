"""One call of PyTorch in Keras's words, its operands given as text."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from transpile.backends.called_once import twice
from transpile.backends.keras_helpers import keras_helper
from transpile.ir import UNKNOWN, Expr
from transpile.ops._functions import Call, Left, Operand, bound, relaid, written_parts
from transpile.ops._functions_index import function_of
from transpile.ops._modules import Use, bind_torch
from transpile.ops.torch_layers import modules
from transpile.torch_values import Items, Plain, Rank, Tensor, Value


@dataclass(frozen=True)
class Written:
    """Keras's text of a call; `imports` are statements it needs, `diagnostics` (code, message).

    `helpers` are names of definitions that the file needs (see keras_helpers).
    """

    text: str
    imports: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    diagnostics: tuple[tuple[str, str], ...] = ()


def tensor_call(
    path: str,
    receiver: str | None,
    args: Sequence[Expr],
    kwargs: Mapping[str, Expr],
    rank: int | None = None,
    picked: bool = False,
) -> Written | None:
    """A function ("torch.cat") or, with a receiver, a method ("view") of tensors; None if unknown.

    `picked`: only one of several results is read, and only that one is computed.
    """
    name = path if receiver is None else f".{path.removeprefix('.')}"
    entry = function_of(name)
    if entry is None:
        return None
    operands = [_operand(a) for a in args]
    if receiver is not None:
        operands.insert(0, Operand(receiver, Tensor(Rank(rank))))
    elif operands and rank is not None:
        operands[0] = Operand(operands[0].text, Tensor(Rank(rank)), operands[0].elements)
    try:
        call = Call(name, bound(entry, name, operands, {n: _operand(e) for n, e in kwargs.items()}))
        text, value = entry.handler(call)
        text = relaid(text, value, False)  # outside of classes, tensors lie as PyTorch's do
        for part in (written_parts(text) if picked else []) or [text]:
            for operand in twice(part, [o.text for o in call.args.values()]):
                raise Left(f"{operand} would be called twice")
    except Left as left:
        return Written("", diagnostics=((left.code, left.message),))
    if text.startswith("(") and text.endswith(")") and _is_sum(text):
        text = text[1:-1] if receiver is None and not args else text
    return _written(text, call.imports, call.helpers)


def layer_call(path: str, args: Sequence[Expr], kwargs: Mapping[str, Expr], rank: int | None = None) -> Written | None:
    """A module ("torch.nn.Linear"); None if unknown. Images lie channels last."""
    module = modules().get(path)
    if module is None:
        return None
    found = bind_torch(module.torch, args, kwargs)
    if isinstance(found, str):
        return Written("", diagnostics=(("T2K102", f"{path.removeprefix('torch.')}: {found}"),))
    last = module.layout == "last" and (module.rank or rank or 0) > 2
    folded = module.fold(found, Use(module.rank or rank, last))
    if folded.problems:
        return Written("", diagnostics=folded.problems)
    text = folded.layers[0] if len(folded.layers) == 1 else f"keras.Sequential([{', '.join(folded.layers)}])"
    return _written(text, set(), set(folded.helpers))


def _written(text: str, imports: set[str], helpers: set[str]) -> Written:
    needed = set(imports)
    for word, statement in (
        ("layers.", "from keras import layers"),
        ("ops.", "from keras import ops"),
        ("keras.", "import keras"),
    ):
        if word in text:
            needed.add(statement)
    for name in helpers:
        needed |= set(keras_helper(name)[1])
    return Written(text, tuple(sorted(needed)), tuple(sorted(helpers)))


def _operand(expr: Expr) -> Operand:
    """An operand of which only text and value are known; a tuple by its elements."""
    node = _parsed(expr.text)
    if isinstance(node, ast.Tuple | ast.List):
        parts = tuple(
            _operand(Expr(ast.get_source_segment(expr.text, e) or ast.unparse(e), _value(e))) for e in node.elts
        )
        return Operand(expr.text, Items(tuple(p.value for p in parts)), parts)
    value: Value = Plain(expr.value) if expr.known else Plain(_value(node)) if _is_constant(node) else Tensor(dtype="")
    return Operand(expr.text, value)


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return None


def _is_constant(node: ast.expr | None) -> bool:
    try:
        ast.literal_eval(node) if node is not None else None
    except (ValueError, TypeError):
        return False
    return node is not None


def _value(node: ast.expr | None) -> object:
    return ast.literal_eval(node) if node is not None and _is_constant(node) else UNKNOWN


def _is_sum(text: str) -> bool:
    return isinstance(_parsed(text), ast.BinOp | ast.Compare)
