"""The penalty on the weights, as a method of the model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from transpile.backends.torch_lines import guarded
from transpile.interpret.values import KerasObject
from transpile.ir import Expr, Node, literal
from transpile.registry import Op, innermost, weight_lines
from transpile.source import dotted

_DEFAULT = "0.01"  # keras.regularizers.L1, L2 and the strings "l1", "l2"


class Unsupported(Exception):
    """A regulariser or constraint that has no translation: (code, message)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def factors(expr: Expr) -> tuple[str, str]:
    """The factors (l1, l2) of a regulariser, as text; "" for none. Raises Unsupported."""
    value = expr.value
    if value is None:
        return "", ""
    if isinstance(value, str) and value.lower() in ("l1", "l2", "l1_l2", "l1l2"):
        name = value.lower()
        return (_DEFAULT if "l1" in name else ""), (_DEFAULT if "l2" in name else "")
    if isinstance(value, KerasObject):
        kind = value.path.rpartition(".")[2].lower().replace("_", "")
        args = [e.text for e in value.args]
        named = {k: e.text for k, e in value.kwargs.items()}
        old = named.get("l")
        if kind == "l1":
            return (args[0] if args else named.get("l1", old or _DEFAULT)), ""
        if kind in ("l2", "weightregularizer"):
            return "", (args[0] if args else named.get("l2", old or _DEFAULT))
        if kind in ("l1l2", "l1_l2"):
            parts = [*args, *(named[n] for n in ("l1", "l2") if n in named)]
            if len(parts) < 2 and dotted(value.call.func).rpartition(".")[2].islower():
                raise Unsupported("K2T205", "l1_l2() without both factors: 0.01 in Keras 2, 0 in Keras 3")
            first = args[0] if args else named.get("l1", "0.0")
            second = args[1] if len(args) > 1 else named.get("l2", "0.0")
            return _nonzero(first), _nonzero(second)
    raise Unsupported("K2T107", f"the regularizer {expr.text} cannot be converted")


def _nonzero(text: str) -> str:
    return "" if text in ("0", "0.0", "0.", "None") else text


def weight_arguments(op: Op, node: Node, suffix: str) -> list[tuple[Expr, str]]:
    """For each Keras weight with an argument `<weight><suffix>`: the argument, the torch parameter."""
    return [(expr, parameter) for expr, parameter, _ in weights_with(op, node, suffix)]


def weights_with(op: Op, node: Node, suffix: str) -> list[tuple[Expr, str, str]]:
    """As `weight_arguments`, with the line that relates the two layouts."""
    found = []
    for line in weight_lines(op, node):
        source, _, target = line.partition("->")
        keras = source.split(":")[0].strip().rpartition("/")[2].split("[")[0]
        parameter = target.split(":")[0].strip()
        name = {"embeddings": "embeddings"}.get(keras, keras.removesuffix("_kernel") if keras != "kernel" else "kernel")
        argument = innermost(node.args).get(f"{name}{suffix}")
        if argument is not None and argument.value is not None:
            found.append((argument, parameter, line))
    return found


def absent(node: Node, parameter: str) -> bool:
    """Whether the parameter is the bias of a layer that has none."""
    bias = innermost(node.args).get("use_bias", literal(True)).value
    return parameter.rpartition(".")[2].startswith("bias") and bias is False


def penalties(op: Op, node: Node, target: str) -> list[tuple[str, str, str]]:
    """The penalties on the weights of a layer: kind, factor, tensor. Raises Unsupported."""
    if node.args.get("common:trainable", literal(True)).value is False:
        return []  # Keras penalises what it trains
    found = []
    for expr, parameter, line in weights_with(op, node, "_regularizer"):
        if absent(node, parameter):
            continue
        tensor = member(target, parameter)
        if _kind(expr) == "orthogonalregularizer":
            found.append(_orthogonal(expr, line, tensor))
            continue
        l1, l2 = factors(expr)
        when = " if trained" if "has:freezing" in node.args else ""
        found += [(kind + when, factor, tensor) for kind, factor in (("l1", l1), ("l2", l2)) if factor]
    return found


def member(target: str, parameter: str) -> str:
    """The parameter of a module: `self.conv.weight`, `self.separable[0].weight`."""
    return re.sub(r"\.(\d+)(?=\.)", r"[\1]", f"{target}.{parameter}")


def _kind(expr: Expr) -> str:
    path = expr.value.path if isinstance(expr.value, KerasObject) else ""
    return path.rpartition(".")[2].lower().replace("_", "")


def _orthogonal(expr: Expr, line: str, tensor: str) -> tuple[str, str, str]:
    value = expr.value
    assert isinstance(value, KerasObject)
    given = dict(zip(("factor", "mode"), value.args)) | value.kwargs
    mode = given.get("mode", literal("rows")).value
    before, after = (re.findall(r"\S+", part.partition(":")[2]) for part in line.split("->"))
    if mode not in ("rows", "columns") or len(before) != 2 or sorted(before) != sorted(after):
        raise Unsupported("K2T107", f"the regularizer {expr.text} cannot be converted here")
    rows = before == after if mode == "rows" else before != after
    return "orthogonality", given.get("factor", literal(0.01)).text, tensor if rows else f"{tensor}.T"


def check(op: Op, node: Node) -> None:
    """Raises Unsupported for what has no translation yet."""
    for name, expr in innermost(node.args).items():
        if expr.value is None:
            continue
        if name == "activity_regularizer" and node.op != "activity_regularization":
            raise Unsupported("K2T107", f"{name}={expr.text} cannot be converted here")
        if name == "activity_regularizer":
            factors(expr)
            continue
        for suffix in ("_regularizer", "_constraint"):
            if name.endswith(suffix) and expr not in [a for a, _ in weight_arguments(op, node, suffix)]:
                raise Unsupported("K2T107", f"{name}={expr.text} cannot be converted here")
    penalties(op, node, "")


@dataclass
class Extras:
    """What a model has beside its computation: penalties on the loss, bounds of its weights.

    `weights` are penalties (kind, factor, tensor); `parts` and `bounded` are modules inside it
    that have penalties or bounds of their own, `kinds` and `bounded_kinds` classes of such;
    `bounds` are the statements that keep its own weights in theirs.
    """

    weights: list[tuple[str, str, str]] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    kinds: Sequence[str] = ()
    bounds: list[str] = field(default_factory=list)
    bounded: list[str] = field(default_factory=list)
    bounded_kinds: Sequence[str] = ()
    activity: bool = False
    added: bool = False  # tensors of the model's own are part of the loss
    noted: bool = False  # there is a penalty on activations here or in a part
    arms: list[tuple[str, Extras, Extras]] = field(default_factory=list)  # what a branch has: a test, its two arms

    @property
    def regularized(self) -> bool:
        """Whether there is a penalty."""
        own = bool(self.weights or self.parts or self.kinds or self.activity or self.added)
        return own or any(a.regularized or b.regularized for _, a, b in self.arms)

    @property
    def constrained(self) -> bool:
        """Whether weights have bounds."""
        own = bool(self.bounds or self.bounded or self.bounded_kinds)
        return own or any(a.constrained or b.constrained for _, a, b in self.arms)

    @property
    def size(self) -> int:
        """How much there is: it grows with each addition."""
        own = len(self.weights) + len(self.parts) + len(self.bounds) + len(self.bounded) + self.activity + self.added
        return own + sum(a.size + b.size for _, a, b in self.arms)

    def since(self, before: Extras) -> Extras:
        """Takes out what came since `before`, a copy of then: the modules of one arm of a branch."""
        arm = Extras()
        for name in ("weights", "parts", "bounds", "bounded", "arms"):
            mine, count = getattr(self, name), len(getattr(before, name))
            setattr(arm, name, mine[count:])
            del mine[count:]
        return arm

    def copy(self) -> Extras:
        """The same, to compare with later."""
        return replace(
            self, weights=[*self.weights], parts=[*self.parts], bounds=[*self.bounds], bounded=[*self.bounded],
            arms=[*self.arms],
        )  # fmt: skip

    def adding(self, node: Node) -> str:
        """The statement in `forward` that notes what `model.add_loss` was given."""
        before, self.added, self.noted = "self.added_loss + " if self.added else "", True, True
        return f"self.added_loss = {before}{node.inputs[0]}"

    def methods(self) -> list[str]:
        """The methods of the model's class."""
        found = [self._loss()] if self.regularized else []
        return [*found, self._bounds()] if self.constrained else found

    def terms(self) -> list[str]:
        """The summands of the loss."""
        groups: dict[tuple[str, str], list[str]] = {}
        for kind, factor, tensor in self.weights:
            groups.setdefault((kind, factor), []).append(tensor)
        terms = [_term(kind, factor, tensors) for (kind, factor), tensors in groups.items()]
        if self.kinds:
            kinds = _one_of(self.kinds)
            terms.append(f"sum(m.regularization_loss() for m in self.modules() if isinstance(m, {kinds}))")
        terms += [f"{part}.regularization_loss()" for part in self.parts]
        terms += ["self.activity_loss"] if self.activity else []
        return [*terms, "self.added_loss"] if self.added else terms

    def _arms(self) -> list[str]:
        """Statements that add what only some of the models have to `penalty`."""
        lines: list[str] = []
        for test, first, second in self.arms:
            body, orelse = ([*(f"penalty += {t}" for t in a.terms()), *a._arms()] for a in (first, second))
            lines += guarded(test, body, orelse)
        return lines

    def _loss(self) -> str:
        terms, arms = self.terms(), self._arms()
        if terms == ["self.added_loss"] and not arms:
            what = '"""What the last pass added to the loss."""'
            return f"def regularization_loss(self):\n    {what}\n    return self.added_loss"
        what = "penalties on weights and activations" if self.activity else "penalty on the weights"
        total = " + ".join(terms) or "0.0"
        lines = [f"penalty = {total}", *arms, "return penalty"] if arms else [f"return {total}"]
        body = "\n".join(f"    {line}" for line in lines)
        return f'def regularization_loss(self):\n    """The {what}; add it to the training loss."""\n{body}'

    def _bounded(self) -> list[str]:
        lines = [f"{part}.apply_constraints()" for part in self.bounded]
        for test, first, second in self.arms:
            lines += guarded(test, *([*a.bounds, *a._bounded()] for a in (first, second)))
        return lines

    def _bounds(self) -> str:
        lines = list(self.bounds)
        if self.bounded_kinds:
            lines += ["for module in self.modules():", f"    if isinstance(module, {_one_of(self.bounded_kinds)}):",
                      "        module.apply_constraints()"]  # fmt: skip
        lines += self._bounded()
        body = "\n".join(f"    {line}" for line in lines)
        return (
            "@torch.no_grad()\n"
            "def apply_constraints(self):\n"
            '    """Brings the weights back into their bounds; call it after each step."""\n'
            f"{body}"
        )


def _one_of(kinds: Sequence[str]) -> str:
    return kinds[0] if len(kinds) == 1 else f"({', '.join(kinds)})"


def activity(node: Node, *, first: bool) -> list[str]:
    """The statements in `forward` that note the penalty on what a layer gave. Raises Unsupported.

    Keras divides it by the size of the batch.
    """
    given, x = node.args.get("activity_regularizer"), node.inputs[0]
    l1, l2 = factors(given) if given is not None else (_nonzero(node.args[n].text) for n in ("l1", "l2"))
    terms = [f"{_factor(f)} * {x}.{norm}().sum()" for f, norm in ((l1, "abs"), (l2, "square")) if f]
    if not terms:
        return []
    text = terms[0] if len(terms) == 1 else f"({' + '.join(terms)})"
    return [f"self.activity_loss {'' if first else '+'}= {text} / len({x})"]


def _factor(factor: str) -> str:
    return factor if re.fullmatch(r"[\w.]+(e-\d+)?", factor) is not None else f"({factor})"


def _term(kind: str, factor: str, tensors: Sequence[str]) -> str:
    scale = _factor(factor)
    if kind == "orthogonality":
        return " + ".join(f"{scale} * orthogonality({t})" for t in tensors)
    norm = "square()" if kind.startswith("l2") else "abs()"
    if kind.endswith("trained"):
        listed = f"({', '.join(tensors)}{',' if len(tensors) == 1 else ''})"
        return f"{scale} * sum(w.{norm}.sum() for w in {listed} if w.requires_grad)"
    if len(tensors) == 1:
        return f"{scale} * {tensors[0]}.{norm}.sum()"
    return f"{scale} * sum(w.{norm}.sum() for w in ({', '.join(tensors)}))"
