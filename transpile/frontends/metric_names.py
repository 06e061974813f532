"""What Keras calls metrics in the history of a training."""

from __future__ import annotations

from collections import Counter

from transpile.frontends.naming import snake
from transpile.interpret.values import KerasObject, Ref
from transpile.ir import Expr
from transpile.registry import Op

_SPECIAL = {"AUC": "auc", "LogCoshError": "logcosh", "KLDivergence": "kl_divergence", "FBetaScore": "fbeta_score",
            "F1Score": "f1_score", "R2Score": "r2_score"}  # fmt: skip
_SHORT = ("mse", "mae", "mape", "msle")


class UnknownName(Exception):
    """A name that only the running program knows."""


class MetricNames:
    """Objects without a name are counted by class over the whole program: auc, auc_1, ..."""

    def __init__(self) -> None:
        self._given: dict[int, str] = {}
        self._counts: Counter[str] = Counter()

    def key(self, expr: Expr, op: Op) -> str:
        """The name of a metric in the history. Raises UnknownName."""
        value = expr.value
        if isinstance(value, str):
            return value
        if isinstance(value, Ref):
            tail = value.path.rpartition(".")[2]
            return op.name.removesuffix("_metric") if tail.lower() in _SHORT else tail
        named = value.kwargs.get("name") if isinstance(value, KerasObject) else None
        if named is not None and named.value is not None:
            if not isinstance(named.value, str):
                raise UnknownName(named.text)
            return named.value
        base = _SPECIAL.get(op.keras_class, snake(op.keras_class))
        counted = op.keras_class not in ("F1Score", "FBetaScore", "R2Score")  # theirs is a default argument
        return self._counted(value, base) if isinstance(value, KerasObject) and counted else base

    def _counted(self, made: KerasObject, base: str) -> str:
        if id(made.call) not in self._given:
            count = self._counts[base]
            self._given[id(made.call)] = f"{base}_{count}" if count else base
            self._counts[base] += 1
        return self._given[id(made.call)]
