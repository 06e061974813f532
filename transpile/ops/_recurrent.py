"""What LSTM, GRU, SimpleRNN and their wrappers have in common.

The weights of a Keras cell lie input first, (in, gates * units), those of PyTorch gates first.
LSTM has the same gates in the same order; GRU has z, r, h where PyTorch has r, z, n. PyTorch
adds two biases where Keras has one (except GRU with reset_after): the second one is zero and
frozen, otherwise the bias would move twice as fast in training.

https://keras.io/api/layers/recurrent_layers/
https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from transpile.ir import UNKNOWN, Expr, Shape, literal
from transpile.registry import Mask, Op, wrapped
from transpile.shapes import ShapeRule

Args = Mapping[str, Expr]
Shapes = Shape | list[Shape | None] | None


@dataclass(frozen=True)
class Cell:
    """A kind of recurrent layer: Keras's name, PyTorch's module, and the one that loops over time."""

    keras: str
    torch: str
    loop: str  # the helper class; its file is the same in snake case
    states: int
    gates: str = ""  # Keras's order; "" for the same order in both
    torch_gates: str = ""


LSTM = Cell("LSTM", "nn.LSTM", "StepLSTM", states=2)
GRU = Cell("GRU", "nn.GRU", "StepGRU", states=1, gates="(z+r+h)", torch_gates="(r+z+h)")
SIMPLE_RNN = Cell("SimpleRNN", "nn.RNN", "StepRNN", states=1)
CELLS = {"lstm": LSTM, "gru": GRU, "simple_rnn": SIMPLE_RNN}
CELLS |= {f"{name}_cell": cell for name, cell in CELLS.items()}

# Keras activations as callables that a constructor can be given.
ACTIVATIONS = {
    "tanh": "torch.tanh",
    "sigmoid": "torch.sigmoid",
    "relu": "torch.relu",
    "hard_sigmoid": "F.hardsigmoid",
    "linear": "nn.Identity()",
    "elu": "F.elu",
    "selu": "F.selu",
    "softplus": "F.softplus",
    "softsign": "F.softsign",
    "swish": "F.silu",
    "silu": "F.silu",
    "gelu": "F.gelu",
    "exponential": "torch.exp",
    "exp": "torch.exp",
    "relu6": "F.relu6",
    "mish": "F.mish",
    "leaky_relu": "nn.LeakyReLU(0.2)",
    "hard_tanh": "F.hardtanh",
    "hard_silu": "F.hardswish",
    "softmax": "nn.Softmax(dim=-1)",
}


class Problems:
    """Collects the diagnostics of one lowering."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.found: list[tuple[str, str]] = []

    def add(self, code: str, message: str) -> None:
        self.found.append((code, f"{self.kind}: {message}"))

    def flag(self, args: Args, name: str) -> bool:
        """The value of a boolean argument; a diagnostic where it is not known."""
        value = args[name].value if name in args else False
        if value is UNKNOWN:
            self.add("K2T105", f"{name}={args[name].text} must be known to convert this layer")
            return False
        return bool(value)

    def only(self, args: Args, name: str, *allowed: object) -> None:
        """A diagnostic where an argument has another value than those allowed."""
        if name not in args:
            return
        expr = args[name]
        if expr.value is UNKNOWN:
            self.add("K2T105", f"{name}={expr.text} must be known to convert this layer")
        elif expr.value not in allowed:
            self.add("K2T104", f"{name}={expr.text} cannot be converted")


def resolve(layer: tuple[Op, Args] | None) -> tuple[Cell, Args] | None:
    """A recurrent layer's cell and arguments, given as such or as RNN(cell); None for others."""
    if layer is None:
        return None
    op, args = layer
    if op.name in ("lstm", "gru", "simple_rnn"):
        return CELLS[op.name], args
    inner = wrapped(args["cell"]) if op.name == "rnn" else None
    if inner is None or inner[0].name not in CELLS:
        return None
    return CELLS[inner[0].name], dict(inner[1]) | {n: e for n, e in args.items() if n != "cell"}


def known_flag(args: Args, name: str) -> bool | None:
    """A boolean argument's value, None if it is not known."""
    value = args[name].value if name in args else False
    return None if value is UNKNOWN else bool(value)


def activation_name(expr: Expr) -> str | None:
    """Keras's name of an activation argument; None where it is not one of Keras's."""
    if expr.value is None:
        return "linear"
    name = expr.value if isinstance(expr.value, str) else getattr(expr.value, "path", None)
    if not isinstance(name, str):
        return None
    name = name.rpartition(".")[2].lower()
    return name if name in ACTIVATIONS else None


def output_shape(shape: Shape | None, args: Args, width: Expr | None = None) -> Shape | None:
    """(N, T, units) with return_sequences, else (N, units)."""
    sequences = known_flag(args, "return_sequences")
    if shape is None or sequences is None:
        return None
    units = width or args["units"]
    return (shape[0], shape[1], units) if sequences else (shape[0], units)


def rnn_shape(states: int) -> ShapeRule:
    """The shape rule of a recurrent layer with that many states."""

    def rule(inputs: Sequence[Shape | None], args: Args) -> Shapes:
        shape = inputs[0] if inputs else None
        out = output_shape(shape, args)
        if known_flag(args, "return_state"):
            batch = shape[0] if shape else Expr("")
            return [out, *[(batch, args["units"])] * states]
        return out

    return rule


def keeps_mask(args: Args) -> Mask:
    """A recurrent layer hands its mask on with the whole sequence only."""
    return "use" if known_flag(args, "return_sequences") is False else "use+keep"


def weight_lines(cell: Cell, args: Args, prefix: str = "", suffix: str = "_l0") -> tuple[str, ...]:
    """The weight lines of one direction of one layer."""
    gates, torch_gates = cell.gates or "g", cell.torch_gates or "g"
    lines = [
        f"{prefix}kernel: i {gates} -> weight_ih{suffix}: {torch_gates} i",
        f"{prefix}recurrent_kernel: u {gates} -> weight_hh{suffix}: {torch_gates} u",
    ]
    if known_flag(args, "use_bias") is False:
        return tuple(lines)
    bias = f"{gates} -> bias_ih{suffix}: {torch_gates}"
    if cell is GRU and known_flag(args, "reset_after") is not False:
        lines += [
            f"{prefix}bias[0]: {bias}",
            f"{prefix}bias[1]: {bias.replace('bias_ih', 'bias_hh')}",
        ]
    else:
        lines += [f"{prefix}bias: {bias}", f"0 -> bias_hh{suffix}"]
    return tuple(lines)


def setup(cell: Cell, args: Args, problems: Problems, suffixes: Sequence[str] = ("_l0",)) -> tuple[str, ...]:
    """Statements behind the constructor: the forget gate's bias, and the second bias frozen."""
    if known_flag(args, "use_bias") is False:
        return ()
    lines = []
    for suffix in suffixes:
        if cell is LSTM and problems.flag(args, "unit_forget_bias"):
            lines.append("{module}.bias_ih" + suffix + ".data.chunk(4)[1].fill_(1)  # forget gate")
        if cell is not GRU or known_flag(args, "reset_after") is False:
            lines.append("# Keras has one bias: the second one stays zero")
            lines.append("nn.init.zeros_({module}.bias_hh" + suffix + ").requires_grad_(False)")
    trainable = args.get("common:trainable", literal(True))
    if trainable.value is UNKNOWN and any("requires_grad" in line for line in lines):
        problems.add("K2T105", f"trainable={trainable.text} must be known to convert this layer")
    return tuple(lines)


def init_helper(cell: Cell, args: Args) -> str:
    """The helper that sets Keras's default initial values; "" where they are not the default."""
    default = {"kernel": "glorot_uniform", "recurrent": "orthogonal", "bias": "zeros"}
    if any(args[f"{name}_initializer"].value != value for name, value in default.items()):
        return ""
    if cell is LSTM:
        return "init_lstm" if known_flag(args, "unit_forget_bias") else "init_rnn"
    two_biases = cell is GRU and known_flag(args, "reset_after")
    return "init_gru" if two_biases else "init_rnn"


def rate(args: Args, name: str) -> Expr | None:
    """A dropout rate; None where it has no effect."""
    expr = args.get(name)
    if expr is None or (isinstance(expr.value, int | float) and not 0 < expr.value < 1):
        return None
    return expr


@dataclass(frozen=True)
class Built:
    """A module for a recurrent layer, and how it must be called."""

    module: str
    loops: bool = False  # it is our own class, which loops over time
    dropout: str = ""  # the rate of the inputs' dropout, to be applied before the call
    setup: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()


def build(cell: Cell, args: Args, size: Expr, problems: Problems, bidirectional: bool = False) -> Built:
    """The constructor: PyTorch's own module where it can say it, else the loop over time."""
    text = f"{size.text}, {args['units'].text}"
    bias = args["use_bias"]
    if bias.value is not True:
        text += f", bias={bias.text}"
        if bias.value is UNKNOWN:
            problems.add("K2T105", f"use_bias={bias.text} must be known to convert this layer")
    text += ", batch_first=True" + (", bidirectional=True" if bidirectional else "")
    if not size.text:
        problems.add("K2T111", "the size of this layer's input is not known")
    for name in ("kernel_initializer", "recurrent_initializer"):
        if cell is GRU and "dentity" in args.get(name, literal("")).text:
            problems.add("K2T107", f"{name}={args[name].text} names no gates that PyTorch has in this order")
    special = _special(cell, args, problems, bidirectional)
    suffixes = ("_l0", "_l0_reverse") if bidirectional else ("_l0",)
    after = setup(cell, args, problems, suffixes)
    if special:
        name = {"StepLSTM": "step_lstm", "StepGRU": "step_gru", "StepRNN": "step_rnn"}[cell.loop]
        return Built(f"{cell.loop}({text}, {', '.join(special)})", True, "", after, ("step_loop", name))
    if cell is SIMPLE_RNN and activation_name(args["activation"]) == "relu":
        text += ", nonlinearity='relu'"
    dropout = rate(args, "dropout")
    inputs = ""
    if dropout is not None:
        number = isinstance(dropout.value, int | float) and dropout.text == repr(dropout.value)
        inputs = dropout.text if number else "{module}.input_dropout"
        if not number:
            after = ("{module}.input_dropout = " + dropout.text, *after)
    return Built(f"{cell.torch}({text})", False, inputs, after)


def _special(cell: Cell, args: Args, problems: Problems, bidirectional: bool) -> list[str]:
    """The arguments that only the loop over time has; none if PyTorch's module will do."""
    found = []
    plain = {LSTM: ("tanh",), GRU: ("tanh",), SIMPLE_RNN: ("tanh", "relu")}[cell]
    for argument, default in (("activation", plain), ("recurrent_activation", ("sigmoid",))):
        if argument not in args:
            continue
        name = activation_name(args[argument])
        if name is None:
            problems.add("K2T106", f"{argument}={args[argument].text} cannot be converted")
        elif name not in default:
            found.append(f"{argument}={ACTIVATIONS[name]}")
    if cell is GRU and not problems.flag(args, "reset_after"):
        found.append("reset_after=False")
    dropout, recurrent = rate(args, "dropout"), rate(args, "recurrent_dropout")
    if recurrent is not None:
        found.append(f"recurrent_dropout={recurrent.text}")
    if dropout is not None and (found or bidirectional):
        found.append(f"dropout={dropout.text}")  # each direction draws its own
    if found and cell is SIMPLE_RNN and activation_name(args["activation"]) == "relu":
        found.insert(0, f"activation={ACTIVATIONS['relu']}")  # the loop does not read nonlinearity
    return found


def run(cell: Cell, built: Built, x: str, state: str, mask: str) -> tuple[str, tuple[str, ...]]:
    """An expression for (output, state), as nn.LSTM returns them; the helpers it needs."""
    if built.dropout:
        x = f"{x} * F.dropout(torch.ones_like({x}[:, :1]), {built.dropout}, self.training)"
    if not mask:
        return "{module}(" + ", ".join(filter(None, [x, state])) + ")", built.helpers
    if built.loops:
        mask = f"mask={mask}" if not state else mask
        return "{module}(" + ", ".join(filter(None, [x, state, mask])) + ")", built.helpers
    arguments = ", ".join(filter(None, ["{module}", x, mask, state]))
    return f"masked_rnn({arguments})", (*built.helpers, "masked_rnn")


def states_text(cell: Cell, names: Sequence[str], problems: Problems, directions: int = 1) -> str:
    """Keras's initial states, (N, units) each, as PyTorch takes them; "" for none."""
    if not names:
        return ""
    if len(names) != cell.states * directions:
        problems.add("K2T104", f"{len(names)} initial states cannot be converted")
        return ""
    groups = [names[i :: cell.states] for i in range(cell.states)]
    texts = [f"{g[0]}[None]" if directions == 1 else f"torch.stack([{', '.join(g)}])" for g in groups]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def call_inputs(args: Args, count: int, problems: Problems) -> tuple[list[str], str]:
    """The initial states and the mask that a call gives, as fields of the template."""
    states = [f"{{x{i}}}" for i in range(1, count)]
    mask = ""
    for name, expr in args.items():
        if not name.startswith("call:") or expr.value is None:
            continue
        if name == "call:initial_state" and isinstance(expr.value, tuple):
            states = [f"{{x{i}}}" for i in expr.value]
        elif name == "call:mask" and isinstance(expr.value, tuple) and len(expr.value) == 1:
            mask = f"{{x{expr.value[0]}}}"
        else:
            problems.add("K2T104", f"{name.removeprefix('call:')}={expr.text} cannot be converted")
    if mask and "call:initial_state" not in args:
        states = [s for s in states if s != mask]
    return states, mask


def diagnostics(problems: Problems) -> tuple[tuple[str, str], ...]:
    """What was found, each once."""
    return tuple(dict.fromkeys(problems.found))
