"""Optimizers of PyTorch in Keras's words, through the entries of the registry.

Where the formulas differ by more than the place of epsilon, a small subclass is written into the
file once: PyTorch's weight decay is added to the gradient, Keras's shrinks the weights apart;
Keras's velocity contains the learning rate, so momentum under a changing rate differs.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from transpile.ir import UNKNOWN, Expr
from transpile.registry import Op, all_ops, equal, evaluate, signature

# Arguments that say how PyTorch computes, not what.
_IGNORED = frozenset("foreach fused capturable differentiable params".split())
# Arguments of the subclasses, beside those of Keras's own classes.
_SUBCLASSED = {"sgd": "SGD", "adam": "Adam", "rmsprop": "RMSprop", "adagrad": "Adagrad", "adamax": "Adamax",
               "adadelta": "Adadelta", "nadam": "NAdam"}  # fmt: skip


@dataclass(frozen=True)
class OptimizerText:
    """An optimizer: the call that makes it. `helper` is the subclass that it needs, if any."""

    text: str = ""
    rate: str = ""
    problem: str = ""
    helper: str = ""
    epsilon: bool = False  # PyTorch adds epsilon in another place


@cache
def by_torch_path() -> Mapping[str, Op]:
    """The entries of the registry by PyTorch's path."""
    return {signature(op.torch)[0]: op for op in all_ops() if op.torch.startswith("torch.optim.")}


def parsed(node: ast.expr, text: str) -> Expr:
    """An argument with its value, where it is a literal."""
    try:
        return Expr(text, ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError):
        return Expr(text, UNKNOWN)


def write_optimizer(
    path: str, args: list[Expr], kwargs: Mapping[str, Expr], rate: str = "", rate_changes: bool = False,
    clip: str = "",
) -> OptimizerText:  # fmt: skip
    """The optimizer in Keras's words. `args` are without the parameters.

    `rate` replaces the learning rate by a schedule; `rate_changes`: it is not constant. `clip` is
    an argument that clips gradients.
    """
    name = path.rpartition(".")[2]
    op = by_torch_path().get(f"torch.optim.{name}")
    if op is None:
        return OptimizerText(problem=f"torch.optim.{name} has no counterpart in Keras")
    bound = _bound(op, args, kwargs)
    unknown = [n for n in bound if n not in signature(op.torch)[1] and n not in _IGNORED]
    unknown = [n for n in unknown if bound[n].value not in (False, None, 0)]
    if unknown:
        return OptimizerText(problem=f"torch.optim.{name}({unknown[0]}={bound[unknown[0]].text}) has no counterpart")
    if not equal(bound.get("dampening", Expr("0", 0)).value, 0):
        return OptimizerText(problem="dampening has no counterpart in Keras")
    if op.name == "nadam" or not equal(bound.get("lr_decay", Expr("0", 0)).value, 0):
        return OptimizerText(problem=f"torch.optim.{name} follows another schedule of its own than Keras's")
    target = _translated(op, bound)
    learning_rate = target["learning_rate"].text
    target["learning_rate"] = Expr(rate or learning_rate)
    cls, helper = f"keras.optimizers.{op.keras_class}", ""
    decay = bound["weight_decay"]
    if op.name == "adamw":
        target["weight_decay"] = decay
    elif _needs_subclass(op, bound, rate_changes):
        cls, helper = _SUBCLASSED[op.name], op.name
        target["weight_decay"] = decay
    elif not equal(decay.value, 0):
        target["weight_decay"] = decay  # without momentum both do the same
    return OptimizerText(_spelled(op, cls, target, helper, clip), learning_rate, "", helper, op.name != "sgd")


def _bound(op: Op, args: list[Expr], kwargs: Mapping[str, Expr]) -> dict[str, Expr]:
    _, params = signature(op.torch)
    names = [n for n in params if n != "params"]
    defaults = {n: e for n, e in params.items() if e is not None}
    return defaults | dict(zip(names, args)) | dict(kwargs)


def _needs_subclass(op: Op, bound: Mapping[str, Expr], rate_changes: bool) -> bool:
    """Whether Keras's own class computes something else."""
    decay = not equal(bound["weight_decay"].value, 0)
    if op.name == "sgd":
        momentum = not equal(bound["momentum"].value, 0)
        return momentum and (decay or rate_changes)
    return decay or op.name == "rmsprop"


def _translated(op: Op, bound: Mapping[str, Expr]) -> dict[str, Expr]:
    """Keras's arguments; of a tuple that is only known by its text, its parts."""
    target = {}
    for name, formula in op.relation("torch").items():
        base = ast.parse(formula, mode="eval").body
        if isinstance(base, ast.Subscript) and isinstance(base.value, ast.Name):
            target[name] = _part(bound[base.value.id], int(ast.literal_eval(base.slice)))
        elif isinstance(base, ast.Name):
            target[name] = bound[formula]
        else:
            target[name] = evaluate(formula, dict(bound))
    return target


def _part(expr: Expr, index: int) -> Expr:
    if isinstance(expr.value, tuple | list):
        text = ast.parse(expr.text, mode="eval").body
        part = text.elts[index] if isinstance(text, ast.Tuple | ast.List) else None
        return Expr(ast.get_source_segment(expr.text, part) or repr(expr.value[index]) if part else
                    repr(expr.value[index]), expr.value[index])  # fmt: skip
    node = ast.parse(expr.text, mode="eval").body
    if isinstance(node, ast.Tuple | ast.List) and index < len(node.elts):
        return Expr(ast.get_source_segment(expr.text, node.elts[index]) or "")
    return Expr(f"{expr.text}[{index}]")


def _spelled(op: Op, cls: str, target: Mapping[str, Expr], helper: str, clip: str) -> str:
    defaults = signature(op.keras)[1]
    given = []
    for name, default in defaults.items():
        if name not in target:
            continue
        same = default is not None and equal(target[name].value, default.value)
        if name == "learning_rate" or not same or (helper and name == "weight_decay"):
            if name == "weight_decay" and equal(target[name].value, 0):
                continue
            given.append(f"{name}={_short(target[name].text)}")
    return f"{cls}({', '.join([*given, clip] if clip else given)})"


def _short(text: str) -> str:
    return text.replace("e-0", "e-") if text[:1].isdigit() else text
