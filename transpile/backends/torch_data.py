"""What is known of the arrays that reach one function of the written file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from transpile.frontends.facts import ModelFacts
from transpile.frontends.keras_training import Reading, Use
from transpile.interpret.values import Array, ModelValue
from transpile.ir import UNKNOWN, Expr
from transpile.training_ir import Batches, Compiled, Data, Evaluate, Fit, Predict, Step


class Known:
    """Joins what is known of the data of all uses that share a function."""

    def __init__(self, reading: Reading, facts: Mapping[ModelValue, ModelFacts]) -> None:
        self.reading, self.facts = reading, facts

    def fed(self, use: Use) -> Data:
        """The data of every fit and evaluation whose model and losses are alike."""
        key = self._key(use)
        found: list[Data] = []
        for other in self.reading.uses:
            record = other.record
            if isinstance(record, Fit | Evaluate) and self._key(other) == key:
                found.append(record.data)
                if isinstance(record, Fit) and record.validation is not None:
                    found.append(record.validation)
        return _joined(found)

    def stepped(self, use: Use) -> Data:
        """The batches of every such step of models that are alike."""
        key = self._key(use)
        return _joined([u.record.data for u in self.reading.uses if isinstance(u.record, Step) and self._key(u) == key])

    def _key(self, use: Use) -> object:
        assert use.compiled is not None
        assert isinstance(use.compiled.record, Compiled)
        losses = tuple(
            (x.target, len(x.shape) if x.shape else None, x.shape[-1].value if x.shape else None)
            for x in use.compiled.record.losses
        )
        return self.facts[use.models[0]].input_dtypes, losses

    def predicted(self, use: Use) -> Data:
        """The data of every prediction by models that are alike."""
        key = self._signature(use)
        return _joined(
            [u.record.data for u in self.reading.uses if isinstance(u.record, Predict) and self._signature(u) == key]
        )

    def _signature(self, use: Use) -> object:
        facts = self.facts[use.models[0]]
        return facts.input_dtypes, facts.final_activations, len(facts.output_shapes)


def _joined(found: Sequence[Data]) -> Data:
    found = [d for d in found if not isinstance(d, Batches)]
    inputs = zip(*(d.inputs for d in found), strict=True)
    targets = zip(*(d.targets for d in found), strict=True)
    return Data(tuple(_join(e) for e in inputs), tuple(_join(e) for e in targets))


def _join(exprs: Iterable[Expr]) -> Expr:
    """An array of which only that is known which is known of all."""
    arrays: list[Array] = []
    for expr in exprs:
        if not isinstance(expr.value, Array):
            return Expr("", UNKNOWN)
        arrays.append(expr.value)
    dtypes = {a.dtype for a in arrays}
    ranks = {None if a.shape is None else len(a.shape) for a in arrays}
    shape = (None,) * rank if len(ranks) == 1 and (rank := ranks.pop()) is not None else None
    return Expr("", Array(shape, dtypes.pop() if len(dtypes) == 1 else ""))
