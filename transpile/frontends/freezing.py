"""Which layers each `compile` trains: `trainable = False` before it, the idiom of GANs.

Two ways to write it. Usually a part of a model is frozen for everybody, and comes out as
`requires_grad_(False)`. Where another model goes on training that part (a GAN's discriminator), the
statement goes away, and each optimizer is given the parameters that it trains.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from transpile.interpret.interpreter import Interpreter
from transpile.interpret.model_layers import layers_of, leaves
from transpile.interpret.values import Event, Layer, ModelValue
from transpile.ir import UNKNOWN

_TRAINS = ("fit", "fit_generator", "train_on_batch")


@dataclass
class _Snapshot:
    """What was frozen when a model was compiled, and when it was trained then."""

    event: Event
    compiled: dict[int, object]
    trained: list[dict[int, object]] = field(default_factory=list)


class Freezing:
    """The trainable flags of a program, as they are when its models are compiled."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self._state: dict[int, object] = {}
        self._snapshots: list[_Snapshot] = []
        self._separate: set[int] = set()
        self._holders: dict[int, Layer | ModelValue] = {}
        self._statements: dict[int, set[int]] = {}  # per statement, the layers that it sets
        self.sets = any(e.kind == "trainable" for e in interpreter.events)
        if self.sets:
            self._replay()

    def _replay(self) -> None:
        in_force: dict[int, _Snapshot] = {}
        for event in sorted(self.interpreter.events, key=lambda e: e.order):
            if event.kind == "trainable":
                self._set(event)
            elif event.kind == "compile" and event.model is not None:
                snapshot = _Snapshot(event, self._flags(event.model))
                in_force[id(event.model)] = snapshot
                self._snapshots.append(snapshot)
            elif event.kind in _TRAINS and event.model is not None and id(event.model) in in_force:
                in_force[id(event.model)].trained.append(self._flags(event.model))
        for snapshot in self._snapshots:
            for flags in snapshot.trained:
                self._separate |= {k for k, v in flags.items() if v != snapshot.compiled[k]}
        self._spread()

    def _set(self, event: Event) -> None:
        if not isinstance(event.holder, Layer | ModelValue):
            return
        self._holders[id(event.holder)] = event.holder
        value = event.values["value"]
        uncertain = not isinstance(value, bool | int)
        place = id(event.statement or event.call)
        self._statements.setdefault(place, set()).update(id(x) for x in leaves(event.holder))
        for layer in leaves(event.holder):
            self._state[id(layer)] = UNKNOWN if uncertain else bool(value)

    def _flags(self, model: ModelValue) -> dict[int, object]:
        return {id(x): self._state.get(id(x), True) for x in leaves(model)}

    def _spread(self) -> None:
        """What is set by one statement is written in one way, for all that it sets in its runs."""
        changed = bool(self._separate)
        held = [{id(x) for x in leaves(holder)} for holder in self._holders.values()]
        while changed:
            before = len(self._separate)
            for inside in (*held, *self._statements.values()):
                if inside & self._separate:
                    self._separate |= inside
            changed = len(self._separate) > before

    # Questions

    def separate(self, holders: Iterable[Layer | ModelValue]) -> bool:
        """Whether some model trains what is frozen here in another one."""
        return any(id(x) in self._separate for h in holders for x in leaves(h))

    def problem(self, holders: Sequence[Layer | ModelValue], values: Sequence[object]) -> str:
        """Why parameters cannot be frozen (or thawed) as a whole; "" if they can."""
        inside = [x for h in holders for x in leaves(h)]
        if any(v is not False for v in values):
            recurrent = [x.kind for x in inside if any(k in x.kind for k in ("LSTM", "GRU", "RNN", "Bidirectional"))]
            if recurrent:
                return f"{recurrent[0]} has a bias in PyTorch that must stay frozen"
        if any(x.kind == "BatchNormalization" and self._plain(x) for x in inside):
            return "batch normalization without parameters cannot be frozen"
        return ""

    @staticmethod
    def _plain(layer: Layer) -> bool:
        return all(layer.args[n].value is False for n in ("center", "scale") if n in layer.args)

    @property
    def freezes_statistics(self) -> bool:
        """Whether batch normalization is frozen with its parameters somewhere."""
        held = [x for h in self._holders.values() for x in leaves(h)]
        return any(x.kind == "BatchNormalization" and id(x) not in self._separate for x in held)

    def trained(self, event: Event) -> dict[int, bool] | None:
        """Per layer of a model with such a part, whether a `compile` trains it; None for any other model."""
        snapshot = next((s for s in self._snapshots if s.event is event), None)
        if snapshot is None or not set(snapshot.compiled) & self._separate:
            return None
        return {k: self._trains(snapshot, k) for k in snapshot.compiled}

    def _trains(self, snapshot: _Snapshot, layer: int) -> bool:
        """Keras 2's rule: what is trainable when the model is compiled.

        A part that is frozen whenever the whole is trained is frozen, too.
        """
        own = [e.holder for e in self.interpreter.events if e.kind == "trainable"]
        nested = snapshot.event.model not in own and layer in _nested(snapshot.event.model)
        if nested and snapshot.trained and all(f.get(layer) is False for f in snapshot.trained):
            return False
        return snapshot.compiled[layer] is not False

    def differs(self, event: Event) -> bool:
        """Whether Keras 3, which looks when the model is first trained, trains something else."""
        trained = self.trained(event)
        snapshot = next((s for s in self._snapshots if s.event is event), None)
        if trained is None or snapshot is None or not snapshot.trained:
            return False
        return any((snapshot.trained[0][k] is not False) != v for k, v in trained.items())

    def frozen_statistics(self, model: ModelValue, part: Layer | ModelValue) -> bool:
        """Whether a part of a model has batch normalization that the model does not train."""
        found = [x for x in leaves(part) if x.kind == "BatchNormalization" and id(x) in self._separate]
        snapshots = [s for s in self._snapshots if s.event.model is model]
        return any(not self._trains(s, id(x)) for s in snapshots for x in found)


def _nested(model: ModelValue | None) -> set[int]:
    """The layers of the models inside of a model."""
    parts = [*layers_of(model), *model.layers] if model is not None else []
    return {id(x) for part in parts if isinstance(part, ModelValue) for x in leaves(part)}
