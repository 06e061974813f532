"""Recurrent layers: LSTM, GRU, SimpleRNN.

https://keras.io/api/layers/recurrent_layers/ https://docs.pytorch.org/docs/stable/nn.html#recurrent-layers
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from transpile.ir import Node, Shape
from transpile.ops import _recurrent as rnn
from transpile.registry import Context, Example, Lowered, Op, channels

_WEIGHTS = "kernel_initializer='glorot_uniform', recurrent_initializer='orthogonal', bias_initializer='zeros', "
_PENALTIES = (
    "kernel_regularizer=None, recurrent_regularizer=None, bias_regularizer=None, "
    "activity_regularizer=None, kernel_constraint=None, recurrent_constraint=None, bias_constraint=None, "
)
_LOOP = "return_sequences=False, return_state=False, go_backwards=False, stateful=False, unroll=False"
IGNORED = ("implementation", "consume_less", "unroll", "use_cudnn", "seed", "input_length")
_OLD = {
    "output_dim": "units",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
}


def lower_rnn(cell: rnn.Cell, args: rnn.Args, node: Node) -> Lowered:
    """A recurrent layer in one direction, with the arguments `args`."""
    problems = rnn.Problems(cell.keras)
    if problems.flag(args, "stateful"):
        problems.add("K2T114", "stateful=True keeps the state from batch to batch")
    states, mask = rnn.call_inputs(node.args, len(node.inputs), problems)
    mask = mask or node.mask
    built = rnn.build(cell, args, channels(node), problems)
    x = "{x}"
    if problems.flag(args, "go_backwards"):
        x, mask = "{x}.flip(1)", mask and f"{mask}.flip(1)"
    result, helpers = rnn.run(cell, built, x, rnn.states_text(cell, states, problems), mask)
    sequences = problems.flag(args, "return_sequences")
    if problems.flag(args, "return_state"):
        call = f"with_states(*{result})" if sequences else f"with_states(*{result}, last=True)"
        helpers = (*helpers, "with_states")
    else:
        call = f"{result}[0]" if sequences else f"{result}[0][:, -1]"
    return Lowered(built.module, call, built.setup, helpers, rnn.diagnostics(problems))


def _expand(op: Op, node: Node, context: Context) -> Lowered:
    return lower_rnn(rnn.CELLS[op.name], node.args, node)


def _lines(cell: rnn.Cell) -> Callable[[Node], tuple[str, ...]]:
    return lambda node: rnn.weight_lines(cell, node.args)


def _examples(keras: str, torch: str) -> tuple[Example, ...]:
    """The arguments that all recurrent layers share."""
    forms = (
        ("4", "8, 4, batch_first=True"),
        ("4, return_sequences=True", "8, 4, batch_first=True"),
        ("4, return_state=True", "8, 4, batch_first=True"),
        ("4, return_sequences=True, return_state=True", "8, 4, batch_first=True"),
        ("4, go_backwards=True", "8, 4, batch_first=True"),
        ("4, go_backwards=True, return_sequences=True", "8, 4, batch_first=True"),
        ("4, use_bias=False", "8, 4, bias=False, batch_first=True"),
        ("4, dropout=0.2", "8, 4, batch_first=True"),
        ("4, unroll=True", "8, 4, batch_first=True"),
    )
    return tuple(Example(f"layers.{keras}({k})", f"{torch}({t})", input=(5, 8)) for k, t in forms)


def _loop_examples(keras: str, loop: str, *forms: tuple[str, str]) -> tuple[Example, ...]:
    """What only the loop over time can do."""
    return tuple(
        Example(f"layers.{keras}(4, {k})", f"{loop}(8, 4, batch_first=True, {t})", input=(5, 8)) for k, t in forms
    )


LSTM = Op(
    name="lstm",
    keras="layers.LSTM(units, activation='tanh', recurrent_activation='sigmoid', use_bias=True, "
    + _WEIGHTS
    + "unit_forget_bias=True, "
    + _PENALTIES
    + "dropout=0.0, recurrent_dropout=0.0, seed=None, "
    + _LOOP
    + ", use_cudnn='auto')",
    torch="nn.LSTM(input_size, hidden_size, bias=True, batch_first=False, bidirectional=False)",
    layout="keras",
    shape=rnn.rnn_shape(2),
    weights=rnn.weight_lines(rnn.LSTM, {}),
    weights_of=_lines(rnn.LSTM),
    mask=rnn.keeps_mask,
    expand=_expand,
    aliases=("layers.CuDNNLSTM",),
    renamed=_OLD,
    ignored=IGNORED,
    examples=_examples("LSTM", "nn.LSTM")
    + _loop_examples(
        "LSTM",
        "StepLSTM",
        ("activation='relu'", "activation=torch.relu"),
        ("recurrent_activation='hard_sigmoid'", "recurrent_activation=F.hardsigmoid"),
        ("recurrent_dropout=0.25", "recurrent_dropout=0.25"),
        ("dropout=0.5, recurrent_dropout=0.25", "recurrent_dropout=0.25, dropout=0.5"),
    )
    + (
        Example(
            "layers.LSTM(4, unit_forget_bias=False)",
            "nn.LSTM(8, 4, batch_first=True)",
            input=(5, 8),
        ),
    ),
    note="with a mask the state is carried over masked steps; the second bias stays zero",
)

GRU = Op(
    name="gru",
    keras="layers.GRU(units, activation='tanh', recurrent_activation='sigmoid', use_bias=True, "
    + _WEIGHTS
    + _PENALTIES
    + "dropout=0.0, recurrent_dropout=0.0, seed=None, "
    + _LOOP
    + ", reset_after=True, use_cudnn='auto')",
    torch="nn.GRU(input_size, hidden_size, bias=True, batch_first=False, bidirectional=False)",
    layout="keras",
    shape=rnn.rnn_shape(1),
    weights=rnn.weight_lines(rnn.GRU, {}),
    weights_of=_lines(rnn.GRU),
    mask=rnn.keeps_mask,
    expand=_expand,
    aliases=("layers.CuDNNGRU",),
    renamed=_OLD,
    ignored=IGNORED,
    examples=_examples("GRU", "nn.GRU")
    + _loop_examples(
        "GRU",
        "StepGRU",
        ("activation='relu'", "activation=torch.relu"),
        ("recurrent_activation='hard_sigmoid'", "recurrent_activation=F.hardsigmoid"),
        ("reset_after=False", "reset_after=False"),
        ("reset_after=False, recurrent_dropout=0.25", "reset_after=False, recurrent_dropout=0.25"),
        ("dropout=0.5, recurrent_dropout=0.25", "recurrent_dropout=0.25, dropout=0.5"),
    ),
    note="the gates z and r are stored in the other order; reset_after=False has no nn.GRU",
)

SIMPLE_RNN = Op(
    name="simple_rnn",
    keras="layers.SimpleRNN(units, activation='tanh', use_bias=True, "
    + _WEIGHTS
    + _PENALTIES
    + "dropout=0.0, recurrent_dropout=0.0, "
    + _LOOP
    + ", seed=None)",
    torch="nn.RNN(input_size, hidden_size, bias=True, batch_first=False, nonlinearity='tanh', bidirectional=False)",
    layout="keras",
    shape=rnn.rnn_shape(1),
    weights=rnn.weight_lines(rnn.SIMPLE_RNN, {}),
    weights_of=_lines(rnn.SIMPLE_RNN),
    mask=rnn.keeps_mask,
    expand=_expand,
    renamed=_OLD,
    ignored=IGNORED,
    examples=(
        *_examples("SimpleRNN", "nn.RNN"),
        Example(
            "layers.SimpleRNN(4, activation='relu')",
            "nn.RNN(8, 4, batch_first=True, nonlinearity='relu')",
            input=(5, 8),
        ),
        *_loop_examples(
            "SimpleRNN",
            "StepRNN",
            ("activation='sigmoid'", "activation=torch.sigmoid"),
            ("dropout=0.5, recurrent_dropout=0.25", "recurrent_dropout=0.25, dropout=0.5"),
            ("activation='relu', recurrent_dropout=0.25", "activation=torch.relu, recurrent_dropout=0.25"),
        ),
    ),
    note="the second bias stays zero",
)


def _rnn_shape(inputs: Sequence[Shape | None], args: rnn.Args) -> rnn.Shapes:
    inner = rnn.resolve((RNN, args))
    return None if inner is None else rnn.rnn_shape(inner[0].states)(inputs, inner[1])


def _rnn_weights(node: Node) -> tuple[str, ...]:
    inner = rnn.resolve((RNN, node.args))
    return () if inner is None else rnn.weight_lines(*inner)


def _expand_rnn(op: Op, node: Node, context: Context) -> Lowered:
    inner = rnn.resolve((op, node.args))
    if inner is None:
        message = f"RNN: the cell {node.args['cell'].text} cannot be converted"
        return Lowered(diagnostics=(("K2T104", message),))
    return lower_rnn(*inner, node)


def _expand_cell(op: Op, node: Node, context: Context) -> Lowered:
    message = f"{op.keras_class} called step by step cannot be converted"
    return Lowered(diagnostics=(("K2T104", message),))


def _cell(of: Op) -> Op:
    """The cell of a recurrent layer: what stands inside RNN(...)."""
    path, arguments = of.keras.split("(", 1)
    inside = arguments.replace(_LOOP + ", ", "").replace(", " + _LOOP, "")
    for word in ("activity_regularizer=None", "use_cudnn='auto'", "seed=None"):
        inside = inside.replace(word + ", ", "").replace(word, "")
    return Op(
        name=f"{of.name}_cell",
        keras=f"{path}Cell({inside.rstrip(', )')}, seed=None)",
        layout="keras",
        weights=of.weights,
        expand=_expand_cell,
        renamed=_OLD,
        ignored=IGNORED,
    )


RNN = Op(
    name="rnn",
    keras="layers.RNN(cell, " + _LOOP + ")",
    layout="keras",
    shape=_rnn_shape,
    weights_of=_rnn_weights,
    mask=rnn.keeps_mask,
    expand=_expand_rnn,
    ignored=IGNORED,
    examples=(
        Example("layers.RNN(layers.LSTMCell(4))", "nn.LSTM(8, 4, batch_first=True)", input=(5, 8)),
        Example(
            "layers.RNN(layers.GRUCell(4), return_sequences=True)",
            "nn.GRU(8, 4, batch_first=True)",
            input=(5, 8),
        ),
        Example(
            "layers.RNN(layers.SimpleRNNCell(4, recurrent_dropout=0.5), return_state=True)",
            "StepRNN(8, 4, batch_first=True, recurrent_dropout=0.5)",
            input=(5, 8),
        ),
    ),
    note="a cell of PyTorch's own kinds becomes the layer",
)

OPS = (LSTM, GRU, SIMPLE_RNN, RNN, _cell(LSTM), _cell(GRU), _cell(SIMPLE_RNN))
