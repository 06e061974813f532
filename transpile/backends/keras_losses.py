"""Losses of PyTorch in Keras's words: a loss object, or a formula where Keras's means another thing.

In Keras the target comes first. `reduction="sum"` of Keras sums means over the last axis, so
losses of single values are written out where PyTorch sums them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from transpile.ir import Expr
from transpile.registry import all_ops, signature

_COMMON = "size_average=None, reduce=None, reduction='mean'"
_CLASSES = "weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'"
# The arguments of PyTorch's losses; those of the functions follow `input, target`.
SIGNATURES = {
    "CrossEntropyLoss": f"f({_CLASSES}, label_smoothing=0.0)",
    "NLLLoss": f"f({_CLASSES})",
    "BCELoss": f"f(weight=None, {_COMMON})",
    "BCEWithLogitsLoss": f"f(weight=None, {_COMMON}, pos_weight=None)",
    "MSELoss": f"f({_COMMON})",
    "L1Loss": f"f({_COMMON})",
    "SmoothL1Loss": f"f({_COMMON}, beta=1.0)",
    "HuberLoss": "f(reduction='mean', delta=1.0)",
    "KLDivLoss": f"f({_COMMON}, log_target=False)",
    "SoftMarginLoss": f"f({_COMMON})",
}
FUNCTIONS = {
    "cross_entropy": "CrossEntropyLoss",
    "nll_loss": "NLLLoss",
    "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "mse_loss": "MSELoss",
    "l1_loss": "L1Loss",
    "smooth_l1_loss": "SmoothL1Loss",
    "huber_loss": "HuberLoss",
    "kl_div": "KLDivLoss",
    "soft_margin_loss": "SoftMarginLoss",
}
# One value per element, of the target `{y}` and the output `{p}`.
_ELEMENTS = {
    "MSELoss": "ops.square({p} - {y})",
    "L1Loss": "ops.abs({p} - {y})",
    "BCELoss": "ops.binary_crossentropy({y}, {p})",
    "BCEWithLogitsLoss": "ops.binary_crossentropy({y}, {p}, from_logits=True)",
    "SoftMarginLoss": "ops.softplus(-{y} * {p})",
}
_IDS = ("CrossEntropyLoss", "NLLLoss")


@dataclass(frozen=True)
class LossText:
    """A loss: `text` is an object or function called with (target, output), or, for a call, its value."""

    text: str = ""
    problem: str = ""
    helpers: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


def loss_name(path: str) -> str:
    """The class of a loss by the path of the class or function; "" if it is none."""
    last = path.rpartition(".")[2]
    if path.startswith("torch.nn.functional."):
        return FUNCTIONS.get(last, "")
    return last if path.startswith("torch.nn.") and last in SIGNATURES else ""


def bound(name: str, args: list[Expr], kwargs: Mapping[str, Expr]) -> dict[str, Expr]:
    """The arguments of a loss by name, without those that are as by default."""
    _, params = signature(SIGNATURES[name])
    given = dict(zip(params, args)) | dict(kwargs)
    result = {}
    for key, expr in given.items():
        default = params.get(key)
        if default is None or expr.value != default.value:
            result[key] = expr
    if "size_average" in result and result["size_average"].value is False:
        result["reduction"] = Expr("'sum'", "sum")
    return {k: e for k, e in result.items() if k not in ("size_average", "reduce")}


def loss_object(name: str, args: Mapping[str, Expr], probabilities: bool = False) -> LossText:
    """What stands for a loss object of PyTorch's; it is called with (target, output).

    `probabilities`: the targets are not class ids but one number for each class.
    """
    unknown = [k for k in args if k not in ("reduction", "ignore_index", "label_smoothing", "weight", "pos_weight",
                                            "beta", "delta", "log_target")]  # fmt: skip
    if unknown:
        return LossText(problem=f"its argument {unknown[0]} has no counterpart")
    reduction = args.get("reduction")
    kind = "mean" if reduction is None else reduction.value
    if kind not in ("mean", "sum", "none", "batchmean"):
        return LossText(problem=f"its reduction is only known at run time: {reduction.text if reduction else ''}")
    if name in _IDS:
        return _of_classes(name, args, str(kind), probabilities)
    if "weight" in args or "pos_weight" in args:
        return _weighted(name, args, str(kind))
    if kind != "mean" or name not in _objects():
        return _formula(name, args, str(kind))
    cls, options = _objects()[name]
    given = ", ".join(f"{k}={args[v].text}" for k, v in options.items() if v in args)
    if name == "SmoothL1Loss" and "beta" in args:
        return _formula(name, args, "mean")
    flag = "from_logits=True" if name == "BCEWithLogitsLoss" else given
    return LossText(f"keras.losses.{cls}({flag})", imports=("import keras",))


def _objects() -> dict[str, tuple[str, dict[str, str]]]:
    """Keras's classes by PyTorch's, with the relation of their arguments: from the registry."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for op in all_ops():
        if op.keras_path.startswith("losses.") and op.torch.startswith("nn."):
            found.setdefault(signature(op.torch)[0].removeprefix("nn."), (op.keras_class, dict(op.same)))
    found["BCELoss"] = ("BinaryCrossentropy", {})
    found["SmoothL1Loss"] = ("Huber", {})
    return found


def _of_classes(name: str, args: Mapping[str, Expr], kind: str, probabilities: bool) -> LossText:
    """Cross-entropy of class ids; NLLLoss takes log-probabilities, of which the softmax is the same."""
    if "weight" in args or ("label_smoothing" in args and not probabilities):
        if kind == "none" or "ignore_index" in args:
            return LossText(problem="weight or label_smoothing together with ignore_index or reduction='none'")
        given = [f"{k}={args[k].text}" for k in ("weight", "label_smoothing") if k in args]
        given += ['reduction="sum"'] if kind == "sum" else []
        return LossText(
            f"functools.partial(cross_entropy, {', '.join(given)})",
            helpers=("cross_entropy",),
            imports=("import functools", "import keras", "from keras import ops"),
        )
    given = ["from_logits=True"]
    if probabilities and "label_smoothing" in args:
        given.append(f"label_smoothing={args['label_smoothing'].text}")
    if "ignore_index" in args and not probabilities:
        given.append(f"ignore_class={args['ignore_index'].text}")
    given += ['reduction="sum"'] if kind == "sum" else ["reduction=None"] if kind == "none" else []
    cls = "CategoricalCrossentropy" if probabilities else "SparseCategoricalCrossentropy"
    return LossText(f"keras.losses.{cls}({', '.join(given)})", imports=("import keras",))


def _weighted(name: str, args: Mapping[str, Expr], kind: str) -> LossText:
    if name != "BCEWithLogitsLoss" or "weight" in args or kind == "none":
        return LossText(problem="its weight has no counterpart")
    given = [f"pos_weight={args['pos_weight'].text}"] + (['reduction="sum"'] if kind == "sum" else [])
    return LossText(
        f"functools.partial(binary_cross_entropy, {', '.join(given)})",
        helpers=("binary_cross_entropy",),
        imports=("import functools", "from keras import ops"),
    )


def _formula(name: str, args: Mapping[str, Expr], kind: str) -> LossText:
    value = elements(name, args, "y_true", "y_pred", kind)
    if value.problem:
        return value
    return LossText(f"lambda y_true, y_pred: {value.text}", imports=value.imports)


def elements(name: str, args: Mapping[str, Expr], target: str, output: str, kind: str) -> LossText:
    """The value of a loss, written out over its operands."""
    y, p = _operand(target), _operand(output)
    if name in _ELEMENTS:
        text = (
            _ELEMENTS[name].format(y=y, p=p)
            if name in ("MSELoss", "L1Loss", "SoftMarginLoss")
            else _ELEMENTS[name].format(y=target, p=output)
        )
    elif name in ("SmoothL1Loss", "HuberLoss"):
        text = _huber(name, args, f"{p} - {y}")
    elif name == "KLDivLoss":
        log = args.get("log_target")
        text = f"{y} * (ops.log({target}) - {p})" if log is None else f"ops.exp({target}) * ({y} - {p})"
    else:
        return LossText(problem=f"{name} has no counterpart")
    if kind == "batchmean":
        count = f"ops.cast(ops.shape({output})[0], {p}.dtype)"
        return LossText(f"ops.sum({text}) / {count}", imports=("from keras import ops",))
    wrapped = text if kind == "none" else f"ops.{kind}({text})"
    return LossText(wrapped, imports=("from keras import ops",))


def _huber(name: str, args: Mapping[str, Expr], error: str) -> str:
    """Quadratic up to a threshold, linear beyond."""
    key = "beta" if name == "SmoothL1Loss" else "delta"
    limit = args[key].text if key in args else "1.0"
    scale = "" if limit == "1.0" else f" / {limit}" if key == "beta" else ""
    inner = f"ops.square(ops.minimum(ops.abs({error}), {limit})) / 2"
    outer = f"{limit} * ops.relu(ops.abs({error}) - {limit})"
    return f"({inner} + {outer}){scale}" if scale else f"{inner} + {outer}"


def loss_value(name: str, args: Mapping[str, Expr], target: str, output: str, probabilities: bool) -> LossText:
    """The value of a functional loss: `F.cross_entropy(output, target)`."""
    reduction = args.get("reduction")
    kind = "mean" if reduction is None else str(reduction.value)
    if (
        name in _IDS
        and not {"weight", "label_smoothing", "ignore_index"} & set(args)
        and kind in ("mean", "sum", "none")
    ):
        function = "categorical_crossentropy" if probabilities else "sparse_categorical_crossentropy"
        text = f"keras.losses.{function}({target}, {output}, from_logits=True)"
        text = text if kind == "none" else f"ops.{kind}({text})"
        return LossText(text, imports=("import keras", "from keras import ops"))
    if name in _ELEMENTS and not set(args) - {"reduction"}:
        return elements(name, args, target, output, kind)
    made = loss_object(name, args, probabilities)
    if made.problem or not made.text.startswith("lambda"):
        partial = made.text.startswith("functools.partial(")
        text = f"{made.text}({target}, {output})"
        if partial:
            function, _, options = made.text.removeprefix("functools.partial(").removesuffix(")").partition(", ")
            text = f"{function}({target}, {output}, {options})"
        return LossText(text, made.problem, made.helpers, made.imports)
    return elements(name, args, target, output, kind)


def _operand(text: str) -> str:
    """The text, in parentheses unless it binds tighter than a minus."""
    import ast

    plain = ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant
    return text if isinstance(ast.parse(text, mode="eval").body, plain) else f"({text})"
