"""Bidirectional: a recurrent layer that reads the sequence from both ends.

https://keras.io/api/layers/recurrent_layers/bidirectional/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transpile.ir import FREE, UNKNOWN, Expr, Node, Shape, literal
from transpile.ops import _recurrent as rnn
from transpile.ops._wrapped import initial_values
from transpile.registry import (
    Context,
    Example,
    Lowered,
    Mask,
    Op,
    channels,
    wrapped,
)
from transpile.shapes import multiply

_MERGES: dict[object, str] = {
    "concat": "torch.cat(tuple({}), dim=-1)",
    "sum": "{}.sum(dim=0)",
    "ave": "{}.mean(dim=0)",
    "mul": "{}.prod(dim=0)",
    None: "tuple({})",
}
_SEQUENCE_MERGES: dict[object, str] = {
    "concat": "{}",
    "sum": "{}.unflatten(-1, (2, -1)).sum(dim=-2)",
    "ave": "{}.unflatten(-1, (2, -1)).mean(dim=-2)",
    "mul": "{}.unflatten(-1, (2, -1)).prod(dim=-2)",
    None: "{}.chunk(2, dim=-1)",
}


def _bidirectional_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> rnn.Shapes:
    inner = rnn.resolve(wrapped(args["layer"]))
    merge = args["merge_mode"].value
    if inner is None or merge is UNKNOWN:
        return None
    cell, own = inner
    shape = inputs[0] if inputs else None
    width = multiply([own["units"], literal(2)]) if merge == "concat" else own["units"]
    out = rnn.output_shape(shape, own, width)
    outs = [out, out] if merge is None else [out]
    if rnn.known_flag(own, "return_state"):
        batch = shape[0] if shape else FREE
        return [*outs, *[(batch, own["units"])] * (2 * cell.states)]
    return outs if merge is None else out


def _bidirectional_weights(node: Node) -> tuple[str, ...]:
    inner = rnn.resolve(wrapped(node.args["layer"]))
    if inner is None:
        return ()
    cell, args = inner
    there = rnn.weight_lines(cell, args, "forward_layer/", "_l0")
    return there + rnn.weight_lines(cell, args, "backward_layer/", "_l0_reverse")


def _bidirectional_mask(args: Mapping[str, Expr]) -> Mask:
    inner = rnn.resolve(wrapped(args["layer"]))
    return "use+keep" if inner is None else rnn.keeps_mask(inner[1])


def _expand_bidirectional(op: Op, node: Node, context: Context) -> Lowered:
    problems = rnn.Problems("Bidirectional")
    inner = rnn.resolve(wrapped(node.args["layer"]))
    if inner is None:
        problems.add("K2T104", f"{node.args['layer'].text} cannot be converted in both directions")
        return Lowered(diagnostics=rnn.diagnostics(problems))
    cell, args = inner
    _check(node, args, problems)
    states, mask = rnn.call_inputs(node.args, len(node.inputs), problems)
    built = rnn.build(cell, args, channels(node), problems, bidirectional=True)
    state = rnn.states_text(cell, states, problems, directions=2)
    result, helpers = rnn.run(cell, built, "{x}", state, mask or node.mask)
    sequences, merge = problems.flag(args, "return_sequences"), node.args["merge_mode"].value
    if problems.flag(args, "return_state"):
        if merge != "concat":
            problems.add("K2T104", "return_state=True with this merge_mode cannot be converted")
        call = f"with_states(*{result})" if sequences else f"with_states(*{result}, last=True)"
        helpers = (*helpers, "with_states")
    elif sequences:
        call = _SEQUENCE_MERGES.get(merge, "{}").replace("{}", f"{result}[0]")
    else:
        last = f"{result}[1][0]" if cell.states > 1 else f"{result}[1]"
        call = _MERGES.get(merge, "{}").replace("{}", last)
    setup, more = _initial(op, node, built, context, problems)
    return Lowered(built.module, call, setup, helpers + more, rnn.diagnostics(problems))


def _initial(
    op: Op, node: Node, built: rnn.Built, context: Context, problems: rnn.Problems
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Statements for the initial values of both directions, and the helpers they need."""
    inner = rnn.resolve(wrapped(node.args["layer"]))
    if inner is None or context.style == "idiomatic":
        return built.setup, ()
    cell, args = inner
    helper = rnn.init_helper(cell, args)
    if helper:
        return (helper + "({module})",), (helper,)
    lines, found = initial_values(op, args, _bidirectional_weights(node), node)
    problems.found += found
    return (*lines, *built.setup), ()


def _check(node: Node, args: rnn.Args, problems: rnn.Problems) -> None:
    """What a bidirectional module of PyTorch's cannot be."""
    problems.only(node.args, "merge_mode", *_MERGES)
    if problems.flag(args, "stateful"):
        problems.add("K2T114", "stateful=True keeps the state from batch to batch")
    if problems.flag(args, "go_backwards"):
        problems.add("K2T104", "go_backwards=True cannot be converted in both directions")
    backward = node.args["backward_layer"]
    if backward.value is None:
        return
    other = rnn.resolve(wrapped(backward))
    own = rnn.resolve(wrapped(node.args["layer"]))
    if other is None or own is None or other[0] is not own[0] or not _alike(own[1], other[1]):
        problems.add(
            "K2T104",
            f"backward_layer={backward.text}: a layer unlike the forward one cannot be converted",
        )


def _alike(forward: rnn.Args, backward: rnn.Args) -> bool:
    """Whether two layers differ in their direction alone."""
    if rnn.known_flag(backward, "go_backwards") is not True:
        return False
    names = (forward.keys() | backward.keys()) - {"go_backwards", "seed"}
    return all(n in forward and n in backward and _same(forward[n], backward[n]) for n in names)


def _same(a: Expr, b: Expr) -> bool:
    return a.value == b.value if a.known and b.known else a.text == b.text


_RNN_EXAMPLES = tuple(
    Example(
        f"layers.Bidirectional(layers.{kind}(4{inner}){outer})",
        f"{torch}(8, 4, batch_first=True, bidirectional=True)",
        input=(5, 8),
    )
    for kind, torch in (("LSTM", "nn.LSTM"), ("GRU", "nn.GRU"), ("SimpleRNN", "nn.RNN"))
    for inner in ("", ", return_sequences=True")
    for outer in ("", ", merge_mode='sum'", ", merge_mode='ave'", ", merge_mode='mul'")
)

BIDIRECTIONAL = Op(
    name="bidirectional",
    keras="layers.Bidirectional(layer, merge_mode='concat', backward_layer=None)",
    torch="nn.LSTM(input_size, hidden_size, bias=True, batch_first=False, bidirectional=False)",
    layout="keras",
    shape=_bidirectional_shape,
    weights_of=_bidirectional_weights,
    mask=_bidirectional_mask,
    expand=_expand_bidirectional,
    own_init=True,
    examples=(
        *_RNN_EXAMPLES,
        Example(
            "layers.Bidirectional(layers.LSTM(4), merge_mode=None)",
            "nn.LSTM(8, 4, batch_first=True, bidirectional=True)",
            input=(5, 8),
        ),
        Example(
            "layers.Bidirectional(layers.LSTM(4, return_sequences=True, return_state=True))",
            "nn.LSTM(8, 4, batch_first=True, bidirectional=True)",
            input=(5, 8),
        ),
        Example(
            "layers.Bidirectional(layers.GRU(4, return_state=True))",
            "nn.GRU(8, 4, batch_first=True, bidirectional=True)",
            input=(5, 8),
        ),
        Example(
            "layers.Bidirectional(layers.LSTM(4, dropout=0.2, recurrent_dropout=0.2))",
            "StepLSTM(8, 4, batch_first=True, bidirectional=True, recurrent_dropout=0.2, dropout=0.2)",
            input=(5, 8),
        ),
        Example(
            "layers.Bidirectional(layers.GRU(4, dropout=0.2, return_sequences=True))",
            "StepGRU(8, 4, batch_first=True, bidirectional=True, dropout=0.2)",
            input=(5, 8),
        ),
    ),
    note="the last output of the backward layer is the one at the first step; masked steps are zeros",
)

OPS = (BIDIRECTIONAL,)
