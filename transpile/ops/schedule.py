"""Learning-rate schedules: the rate at each batch, as a factor of the initial rate.

The lowering's `call` is an expression over `step`, for `torch.optim.lr_scheduler.LambdaLR`.
https://keras.io/api/optimizers/learning_rate_schedules/
"""

from __future__ import annotations

from transpile.ir import Expr, Node
from transpile.registry import Context, Example, Expand, Lowered, Op, equal


def _operand(expr: Expr) -> str:
    """The text, in parentheses unless it is one word."""
    plain = expr.text.replace(".", "").replace("_", "").replace("e-", "").isalnum()
    return expr.text if plain else f"({expr.text})"


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
    power = node.args["power"]
    left = f"(1 - min(step, {steps}) / {steps})"
    left += "" if equal(power.value, 1.0) else f" ** {_operand(power)}"
    found = () if node.args["cycle"].value is False else (("K2T125", "PolynomialDecay(cycle=...) cannot be converted"),)
    if equal(node.args["end_learning_rate"].value, 0.0):
        return Lowered(call=left, diagnostics=found)
    return Lowered(call=f"({end} + ({start} - {end}) * {left}) / {start}", diagnostics=found)


def cosine(op: Op, node: Node, context: Context) -> Lowered:
    steps, alpha = _operand(node.args["decay_steps"]), node.args["alpha"]
    wave = f"(1 + math.cos(math.pi * min(step, {steps}) / {steps})) / 2"
    warm = node.args["warmup_target"].value is not None or not equal(node.args["warmup_steps"].value, 0)
    found = (("K2T125", "CosineDecay with a warm-up cannot be converted"),) if warm else ()
    if equal(alpha.value, 0.0):
        return Lowered(call=wave, diagnostics=found)
    return Lowered(call=f"{alpha.text} + (1 - {_operand(alpha)}) * {wave}", diagnostics=found)


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
             ("PolynomialDecay(0.1, 9, 0.0, power=2.0)", "(1 - min(step, 9) / 9) ** 2.0")),
    schedule("CosineDecay", "initial_learning_rate, decay_steps, alpha=0.0, warmup_target=None, warmup_steps=0", cosine,
             ("CosineDecay(0.1, 9)", "(1 + math.cos(math.pi * min(step, 9) / 9)) / 2"),
             ("CosineDecay(0.1, 9, alpha=0.1)", "0.1 + (1 - 0.1) * (1 + math.cos(math.pi * min(step, 9) / 9)) / 2")),
)  # fmt: skip
