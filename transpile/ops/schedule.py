"""Learning-rate schedules: the rate at each batch, as a factor of the initial rate.

The lowering's `call` is an expression over `step`, for `torch.optim.lr_scheduler.LambdaLR`.
https://keras.io/api/optimizers/learning_rate_schedules/
"""

from __future__ import annotations

from collections.abc import Mapping

from transpile.ir import Expr, Node, literal
from transpile.registry import Context, Example, Expand, Lowered, Op, equal, signature


def _operand(expr: Expr) -> str:
    """The text, in parentheses unless it is one word or a list."""
    plain = expr.text.replace(".", "").replace("_", "").replace("e-", "").isalnum()
    listed = expr.text.startswith("[") and expr.text.find("]") == len(expr.text) - 1
    return expr.text if plain or listed else f"({expr.text})"


def _progress(node: Node, steps: str = "decay_steps") -> str:
    """How many times `decay_steps` have passed."""
    decay = node.args[steps]
    staircase = node.args.get("staircase")
    if staircase is not None and staircase.value is True:
        return f"step // {_operand(decay)}"
    return "step" if equal(decay.value, 1) else f"step / {_operand(decay)}"


def _refused(node: Node) -> tuple[tuple[str, str], ...]:
    staircase = node.args.get("staircase")
    if staircase is not None and staircase.value not in (True, False):
        return (("K2T125", f"staircase={staircase.text} is only known at run time"),)
    return ()


def exponential(op: Op, node: Node, context: Context) -> Lowered:
    progress = _progress(node)
    power = progress if progress == "step" else f"({progress})"
    return Lowered(call=f"{_operand(node.args['decay_rate'])} ** {power}", diagnostics=_refused(node))


def inverse_time(op: Op, node: Node, context: Context) -> Lowered:
    progress = _progress(node)
    passed = progress if progress == "step" or "//" not in progress else f"({progress})"
    return Lowered(call=f"1 / (1 + {_operand(node.args['decay_rate'])} * {passed})", diagnostics=_refused(node))


def polynomial(op: Op, node: Node, context: Context) -> Lowered:
    steps, end, start = (_operand(node.args[n]) for n in ("decay_steps", "end_learning_rate", "initial_learning_rate"))
    power, cycle = node.args["power"], node.args["cycle"].value
    left = f"(1 - min(step, {steps}) / {steps})"
    if cycle is True:  # the whole decay stretches until it contains the step
        left = f"(1 - step / ({steps} * max(1, math.ceil(step / {steps}))))"
    left += "" if equal(power.value, 1.0) else f" ** {_operand(power)}"
    found = () if cycle in (True, False) else (("K2T125", "PolynomialDecay(cycle=...) is only known at run time"),)
    if equal(node.args["end_learning_rate"].value, 0.0):
        return Lowered(call=left, diagnostics=found)
    return Lowered(call=f"({end} + ({start} - {end}) * {left}) / {start}", diagnostics=found)


def cosine(op: Op, node: Node, context: Context) -> Lowered:
    """A half wave; with a warm-up, a straight line to the top of it before."""
    args = node.args
    steps, alpha, warm = _operand(args["decay_steps"]), args["alpha"], args["warmup_steps"]
    warmed = args["warmup_target"].value is not None and not equal(warm.value, 0)
    passed = f"min(step, {steps})"
    if warmed:
        passed = f"min(step - {_operand(warm)}, {steps})"
    wave = f"(1 + math.cos(math.pi * {passed} / {steps})) / 2"
    if not equal(alpha.value, 0.0):
        wave = f"{alpha.text} + (1 - {_operand(alpha)}) * {wave}"
    if not warmed:
        return Lowered(call=wave)
    start, target = args["initial_learning_rate"], args["warmup_target"]
    line = f"step / {_operand(warm)}"
    if not equal(start.value, 0.0):
        low = f"{_operand(start)} / {_operand(target)}"
        line = f"{low} + (1 - {low}) * {line}"
    return Lowered(call=f"{line} if step < {warm.text} else {wave}")


def restarts(op: Op, node: Node, context: Context) -> Lowered:
    defaults = signature(op.keras)[1]
    names = {"t_mul": "t_mul", "m_mul": "m_mul", "alpha": "alpha"}
    given = [
        f", {t}={node.args[n].text}"
        for n, t in names.items()
        if not equal(node.args[n].value, getattr(defaults[n], "value", None))
    ]
    text = f"cosine_restarts(step, {node.args['first_decay_steps'].text}{''.join(given)})"
    return Lowered(call=text, helpers=("cosine_restarts",))


def piecewise(op: Op, node: Node, context: Context) -> Lowered:
    """The value changes behind a boundary, not at it."""
    boundaries, values = node.args["boundaries"], node.args["values"]
    first = initial_rate(op.name, node.args)
    return Lowered(call=f"{_operand(values)}[sum(step > b for b in {boundaries.text})] / {_operand(first)}")


def initial_rate(name: str, args: Mapping[str, Expr]) -> Expr:
    """The rate of which a schedule is written as a factor."""
    if name == "PiecewiseConstantDecay":
        values = args["values"]
        if isinstance(values.value, list | tuple) and values.value and isinstance(values.value[0], int | float):
            return literal(values.value[0])
        return Expr(f"{values.text}[0]")
    if name == "CosineDecay" and args["warmup_target"].value is not None:
        return args["warmup_target"]
    return args["initial_learning_rate"]


def schedule(cls: str, parameters: str, expand: Expand, *examples: tuple[str, str]) -> Op:
    """An entry; `names.canonical` drops the module `schedules`."""
    return Op(
        cls, f"optimizers.schedules.{cls}({parameters}, name=None)", expand=expand, aliases=(f"optimizers.{cls}",),
        ignored=("name",), examples=tuple(Example(f"optimizers.schedules.{k}", t) for k, t in examples),
    )  # fmt: skip


_DECAY = "initial_learning_rate, decay_steps, decay_rate, staircase=False"

OPS = (
    schedule("ExponentialDecay", _DECAY, exponential, ("ExponentialDecay(0.1, 5, 0.9)", "0.9 ** (step / 5)"),
             ("ExponentialDecay(0.1, 5, 0.9, staircase=True)", "0.9 ** (step // 5)")),
    schedule("InverseTimeDecay", _DECAY, inverse_time, ("InverseTimeDecay(0.1, 1, 0.5)", "1 / (1 + 0.5 * step)"),
             ("InverseTimeDecay(0.1, 4, 0.5, staircase=True)", "1 / (1 + 0.5 * (step // 4))")),
    schedule("PolynomialDecay", "initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False",
             polynomial,
             ("PolynomialDecay(0.1, 9)", "(0.0001 + (0.1 - 0.0001) * (1 - min(step, 9) / 9)) / 0.1"),
             ("PolynomialDecay(0.1, 9, 0.0, power=2.0)", "(1 - min(step, 9) / 9) ** 2.0"),
             ("PolynomialDecay(0.1, 9, 0.0, cycle=True)", "(1 - step / (9 * max(1, math.ceil(step / 9))))")),
    schedule("CosineDecay", "initial_learning_rate, decay_steps, alpha=0.0, warmup_target=None, warmup_steps=0", cosine,
             ("CosineDecay(0.1, 9)", "(1 + math.cos(math.pi * min(step, 9) / 9)) / 2"),
             ("CosineDecay(0.1, 9, alpha=0.1)", "0.1 + (1 - 0.1) * (1 + math.cos(math.pi * min(step, 9) / 9)) / 2"),
             ("CosineDecay(0.0, 9, warmup_target=0.1, warmup_steps=3)",
              "step / 3 if step < 3 else (1 + math.cos(math.pi * min(step - 3, 9) / 9)) / 2")),
    schedule("CosineDecayRestarts", "initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0", restarts,
             ("CosineDecayRestarts(0.1, 4)", "cosine_restarts(step, 4)"),
             ("CosineDecayRestarts(0.1, 4, m_mul=0.9)", "cosine_restarts(step, 4, m_mul=0.9)")),
    schedule("PiecewiseConstantDecay", "boundaries, values", piecewise,
             ("PiecewiseConstantDecay([3, 6], [0.1, 0.05, 0.01])",
              "[0.1, 0.05, 0.01][sum(step > b for b in [3, 6])] / 0.1")),
)  # fmt: skip
