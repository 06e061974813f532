"""Recurrent layers and attention of torch.nn, by layers of their own that the file gets.

PyTorch's LSTM has two biases that both train, stacks its layers and gives every state; its attention
masks what is True. Keras's layers differ in each of these, so the file gets small ones that don't.
"""

from __future__ import annotations

from typing import Any

from transpile.ops._functions import Operand, fresh
from transpile.ops._modules import Args, Fold, Folded, Module, Use, flag, keras_call, one, refused
from transpile.torch_values import Items, Plain, Tensor, Value


def _fold_recurrent(name: str) -> Fold:
    def fold(args: Args, use: Use) -> Folded:
        if "proj_size" in args and args["proj_size"].value != 0:
            return refused(f"nn.{name}: proj_size={args['proj_size'].text}")
        given = [
            ("", args["hidden_size"].text),
            ("num_layers", None if args["num_layers"].value == 1 else args["num_layers"].text),
            ("bias", flag(args["bias"], True)),
            ("batch_first", flag(args["batch_first"], False)),
            ("dropout", None if args["dropout"].value == 0 else args["dropout"].text),
            ("bidirectional", flag(args["bidirectional"], False)),
        ]
        if name == "RNN":
            plain = args["nonlinearity"].value == "tanh"
            given.append(("activation", None if plain else args["nonlinearity"].text))
        return one(keras_call(name, given), name)

    return fold


def _fold_cell(name: str) -> Fold:
    def fold(args: Args, use: Use) -> Folded:
        given = [("", args["hidden_size"].text), ("bias", flag(args["bias"], True))]
        return one(keras_call(name, given), name)

    return fold


def _apply_cell(lstm: bool) -> Any:
    """A step: the state, which is a pair in an LSTM, is given and comes back."""

    def apply(walker: Any, text: str, operands: list[Operand], kwargs: dict[str, Operand]) -> tuple[str, Value]:
        renamed = {{"hx": "states" if lstm else "h", "input": "x"}.get(n, n): o for n, o in kwargs.items()}
        first = operands[0].value if operands else None
        if isinstance(first, Tensor):
            first.rank.settle(2)
        value: Value = Items((fresh(2), fresh(2))) if lstm else fresh(2)
        return given_text(walker, text, operands, renamed), value

    return apply


def given_text(walker: Any, text: str, operands: list[Operand], kwargs: dict[str, Operand]) -> str:
    parts = [_laid(walker, o) for o in operands] + [f"{n}={_laid(walker, o)}" for n, o in kwargs.items()]
    return f"{text}({', '.join(parts)})"


def _laid(walker: Any, operand: Operand) -> str:
    text: str = walker.laid(operand, False)
    return text


def _apply_recurrent(lstm: bool) -> Any:
    def apply(walker: Any, text: str, operands: list[Operand], kwargs: dict[str, Operand]) -> tuple[str, Value]:
        renamed = {{"hx": "initial_state", "h_0": "initial_state"}.get(n, n): o for n, o in kwargs.items()}
        first = operands[0].value if operands else None
        if isinstance(first, Tensor):
            first.rank.settle(3)
        state = fresh(3)
        states: Value = Items((state, state)) if lstm else state
        return given_text(walker, text, operands, renamed), Items((fresh(3), states))

    return apply


def _fold_attention(args: Args, use: Use) -> Folded:
    for name in ("add_bias_kv", "add_zero_attn"):
        if args[name].value is not False:
            return refused(f"nn.MultiheadAttention: {name}={args[name].text}")
    for name in ("kdim", "vdim"):
        if args[name].value is not None:
            return refused(f"nn.MultiheadAttention: {name}={args[name].text}")
    given = [
        ("", args["embed_dim"].text),
        ("", args["num_heads"].text),
        ("dropout", None if args["dropout"].value == 0 else args["dropout"].text),
        ("bias", flag(args["bias"], True)),
        ("batch_first", flag(args["batch_first"], False)),
    ]
    return one(keras_call("MultiheadAttention", given), "MultiheadAttention", "uniform_kernel")


def _apply_attention(walker: Any, text: str, operands: list[Operand], kwargs: dict[str, Operand]) -> tuple[str, Value]:
    given = [o.value for o in operands] + [kwargs[n].value for n in ("query",) if n in kwargs]
    for value in given[:3]:
        if isinstance(value, Tensor):
            value.rank.settle(3)
    weighted = kwargs.get("need_weights")
    weights: Value = Plain(None) if weighted is not None and weighted.const is False else fresh()
    return given_text(walker, text, operands, kwargs), Items((fresh(3), weights))


_RNN = "input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False"
MODULES = (
    Module(f"nn.LSTM({_RNN}, proj_size=0)", _fold_recurrent("LSTM"), layout="torch", apply=_apply_recurrent(True)),
    Module(f"nn.GRU({_RNN})", _fold_recurrent("GRU"), layout="torch", apply=_apply_recurrent(False)),
    Module(
        "nn.LSTMCell(input_size, hidden_size, bias=True)",
        _fold_cell("LSTMStep"),
        layout="torch",
        apply=_apply_cell(True),
    ),
    Module(
        "nn.GRUCell(input_size, hidden_size, bias=True)",
        _fold_cell("GRUStep"),
        layout="torch",
        apply=_apply_cell(False),
    ),
    Module(
        "nn.RNN(input_size, hidden_size, num_layers=1, nonlinearity='tanh', bias=True, batch_first=False, "
        "dropout=0.0, bidirectional=False)",
        _fold_recurrent("RNN"),
        layout="torch",
        apply=_apply_recurrent(False),
    ),
    Module(
        "nn.MultiheadAttention(embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False, "
        "add_zero_attn=False, kdim=None, vdim=None, batch_first=False)",
        _fold_attention,
        layout="torch",
        apply=_apply_attention,
    ),
)
