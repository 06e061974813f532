"""Which variables hold the tensors of a model in `forward`."""

from __future__ import annotations

import re

from transpile.frontends.choices import ChoiceNames, choices_of, extend
from transpile.frontends.scope import Unconvertible
from transpile.interpret.values import Apply, InputSource, ModelValue, Phi, Tensor
from transpile.registry import mask_of


class Variables:
    """Names for the tensors of a model: the user's own where they are free, else `x`."""

    def __init__(self, value: ModelValue, applies: list[Apply], outputs: list[Tensor]) -> None:
        self._names: dict[int, str] = {}
        self._masks: dict[int, str] = {}  # origin tensor of a mask -> name
        last_use = {id(t): i for i, a in enumerate(applies) for t in a.inputs}
        last_use |= {id(t): len(applies) for t in outputs}
        self.choices = choices = choices_of(applies, outputs)
        extend(last_use, choices, applies)
        self._consumers = {id(t): a for a in reversed(applies) for t in a.inputs}
        alive: dict[str, int] = {}
        for tensor in value.inputs:
            self._take(tensor, self._input_hint(value, tensor, applies), alive, last_use, -1)
        for i, record in enumerate(applies):
            for tensor in record.outputs:
                self._take(tensor, self._hint(tensor), alive, last_use, i)
        self.copies = ChoiceNames(self._names, choices, applies, outputs).copies
        self._name_masks(applies)

    def of(self, tensor: Tensor) -> str:
        return self._names[id(tensor)]

    def _take(self, tensor: Tensor, hint: str, alive: dict[str, int], last_use: dict[int, int], now: int) -> None:
        name, count = hint, 1
        while alive.get(name, -2) > now:
            name, count = f"{hint}_{count}", count + 1
        alive[name] = last_use.get(id(tensor), now)
        self._names[id(tensor)] = name

    def _hint(self, tensor: Tensor) -> str:
        seen = 0
        while not tensor.variable and seen < 50:
            consumer = self._consumers.get(id(tensor))
            if consumer is None or not isinstance(tensor.source, Apply) or len(consumer.outputs) != 1:
                break
            if consumer.statement is not tensor.source.statement and not consumer.fused:
                break
            tensor, seen = consumer.outputs[0], seen + 1
        return tensor.variable if tensor.variable.isidentifier() else "x"

    def _input_hint(self, value: ModelValue, tensor: Tensor, applies: list[Apply]) -> str:
        uses = sum(t is tensor for a in applies for t in a.inputs)
        if len(value.inputs) == 1 and uses <= 1:
            return "x"
        name = tensor.variable or (tensor.source.name if isinstance(tensor.source, InputSource) else "")
        name = re.sub(r"\W", "_", name)
        return name if name.isidentifier() else "x"

    def _name_masks(self, applies: list[Apply]) -> None:
        for record in applies:
            for origin in self._used_masks(record):
                if origin is not None and isinstance(origin.source, Phi):
                    raise Unconvertible([("K2T113", origin.source.reason, origin.source.span)])
                if origin is not None and id(origin) not in self._masks:
                    count = len(self._masks)
                    self._masks[id(origin)] = "mask" if not count else f"mask_{count}"

    @staticmethod
    def _used_masks(record: Apply) -> list[Tensor | None]:
        if record.op is None or not mask_of(record.op, record.args).startswith("use"):
            return []
        return [t.mask for t in record.inputs]

    def masks(self, record: Apply) -> tuple[str, ...]:
        """The names of the masks that a record consumes, one per input; () if it has none."""
        origins = self._used_masks(record)
        names = tuple("" if o is None else self._masks[id(o)] for o in origins)
        return names if any(names) else ()

    def new_mask(self, record: Apply) -> str:
        """The name of the mask that a record brings into being, "" if nothing uses it."""
        if record.op is None or record.op.name not in ("embedding", "masking"):
            return ""
        if record.outputs[0].mask is not record.inputs[0]:
            return ""
        return self._masks.get(id(record.inputs[0]), "")
