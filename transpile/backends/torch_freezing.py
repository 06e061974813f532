"""Parts of models that are frozen: what an optimizer is given, and batch normalization."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from transpile.backends.torch_modules import Modules, NoModule
from transpile.backends.written_model import Converted
from transpile.frontends.freezing import Freezing
from transpile.frontends.keras_training import Use
from transpile.frontends.placing import Home
from transpile.interpret.model_layers import leaves
from transpile.interpret.values import Event, Frame, Instance, KerasObject, Layer, ModelValue
from transpile.ir import Expr, Span
from transpile.splice import Output
from transpile.training_ir import Compiled

_TRAINED = """\
        if not self.training:
            return super().forward(x)
"""
_FROZEN = """\
        frozen = self.affine and not any(p.requires_grad for p in self.parameters())
        if frozen or not self.training:  # as in Keras, where what is frozen keeps its statistics
            mean, variance = self.running_mean, self.running_var
            return F.batch_norm(x, mean, variance, self.weight, self.bias, False, 0.0, self.eps)
"""


class CannotFreeze(Exception):
    """Why an optimizer cannot be given the parameters that it trains."""


def freeze_statistics(output: Output) -> None:
    """Lets the batch normalization of the file keep its statistics while it is frozen."""
    for name in ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d"):
        if name in output.definitions:
            offset, text = output.definitions[name]
            output.definitions[name] = (offset, text.replace(_TRAINED, _FROZEN))


class Frozen:
    """What each optimizer of the file is given: `parameters` per compile, once that is settled."""

    def __init__(self, freezing: Freezing, converted: Sequence[Converted]) -> None:
        self.freezing, self.modules = freezing, Modules(converted)
        self.parameters: dict[Use, str] = {}

    def settle(self, use: Use, home: Home) -> None:
        """Finds the parameters that a `compile` trains: `generator.parameters()`. Raises CannotFreeze."""
        self.parameters[use] = self._parameters(use, home)

    def note(self, use: Use, compiled: Iterable[Use], report: Callable[[str, Span, str], None], span: Span) -> None:
        """What a reader should know of a `compile` in a program with several models."""
        mine = _optimizer(use)
        same = [u for u in compiled if mine is not None and (g := _optimizer(u)) and g.value is mine.value]
        if mine is not None and isinstance(mine.value, KerasObject) and len(same) > 1:
            text = f"{mine.text} is given to several models: each got its own, with its own step count"
            report("K2T353", span, text)
        if any(self.freezing.differs(e) for e in use.events):
            text = "which layers are trained was settled here, as in Keras 2; Keras 3 looks when it first trains"
            report("K2T352", span, text)

    def _parameters(self, use: Use, home: Home) -> str:
        texts = {self._of_run(use, event, home) for event in use.events}
        if len(texts) > 1:
            raise CannotFreeze("it compiles several models, of which one leaves out what is frozen by then")
        return texts.pop()

    def _of_run(self, use: Use, event: Event, home: Home) -> str:
        trained = self.freezing.trained(event)
        model = event.model
        if trained is None or model is None or all(trained.values()):
            return f"{home.model}.parameters()"
        assert isinstance(use.record, Compiled)
        if use.record.optimizer.args["global_clipnorm"].value is not None:
            raise CannotFreeze("global_clipnorm with layers that are frozen here and trained elsewhere")
        parts = self._trained_parts(model, trained, home, event.frame)
        if not parts:
            raise CannotFreeze("nothing of this model is trained")
        if len(parts) == 1:
            return f"{parts[0]}.parameters()"
        return "[" + ", ".join(f"*{p}.parameters()" for p in parts) + "]"

    def _trained_parts(
        self, model: ModelValue, trained: Mapping[int, bool], home: Home, frame: Frame, text: str = ""
    ) -> list[str]:
        """The modules of a model (which is called `text`) that are trained; of a part's own, where that is mixed."""
        done, parts = self.modules.of(model), []
        reading = next((r for r in done.readings if r.value is model), done.reading) if done is not None else None
        for part in dict.fromkeys(reading.layers.values()) if reading is not None else ():
            flags = {trained.get(id(x), True) for x in leaves(part) if _has_parameters(x)}
            if True not in flags:
                continue
            name = _access(self.modules, model, text, part) if text else _text(self.modules, model, part, home, frame)
            if len(flags) == 1:
                parts.append(name)
            elif isinstance(part, ModelValue):
                parts += self._trained_parts(part, trained, home, frame, name)
            else:
                raise CannotFreeze("a part of this model is trained by halves")
        return parts


def _optimizer(use: Use) -> Expr | None:
    """The optimizer that a `compile` is given."""
    return use.first.kwargs.get("optimizer") or next(iter(use.first.args), None)


def _has_parameters(layer: Layer) -> bool:
    return layer.op is None or bool(layer.op.weights or layer.op.weights_of)


def _text(modules: Modules, model: ModelValue, part: Layer | ModelValue, home: Home, frame: Frame) -> str:
    """The user's variable for a part, else its place in the model."""
    if home.mode in ("here", "attribute") and (name := _variable(part, frame)):
        return name
    return _access(modules, model, home.model, part)


def _access(modules: Modules, model: ModelValue, text: str, part: Layer | ModelValue) -> str:
    try:
        return modules.access(model, text, part)
    except NoModule as error:
        raise CannotFreeze(str(error)) from None


def _variable(part: Layer | ModelValue, frame: Frame) -> str:
    scope: Frame | None = frame
    while scope is not None and isinstance(part, ModelValue):
        for name, held in scope.names.items():
            if held is part:
                return name
            if isinstance(held, Instance):
                inside = [n for n, value in held.attributes.items() if value is part]
                if inside:
                    return f"{name}.{inside[0]}"
        scope = scope.parent
    return ""
