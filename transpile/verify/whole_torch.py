"""A PyTorch program run to its end: in order, with fixed draws, Keras's epsilon, and noted."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from transpile.verify import conventions, draws
from transpile.verify.torch_side import TorchSide
from transpile.verify.training import _meaning
from transpile.verify.whole_record import Cuts, Record, numbers_of

SINGLE = torch.float32
ALIGNED = (
    torch.optim.Adam,
    torch.optim.AdamW,
    torch.optim.RMSprop,
    torch.optim.Adagrad,
    torch.optim.Adamax,
)


class TorchRun:
    """Hooks into PyTorch for one run.

    `load` gives a module its first weights. `summed`: the loss of an update is that of all backward
    passes since the last one; else each backward pass is an update.
    """

    def __init__(
        self,
        side: TorchSide,
        cuts: Cuts,
        dtype: str,
        load: Callable[[tuple[int, int], Any], None],
        summed: bool = False,
    ) -> None:
        self.side, self.cuts, self.dtype, self.load, self.summed = side, cuts, dtype, load, summed
        self.exact: set[str] = set()  # kinds of optimizers whose epsilon stays where PyTorch puts it
        self.pending: float | None = None  # the loss of the next update
        self.record = Record()
        self.fresh: dict[int, tuple[int, int]] = {}
        self.unnamed: list[int] = []  # pairs that no variable names: the next module that is called
        self.depth = 0
        self.started: set[int] = set()  # parameters that have their first values
        self.largest: dict[tuple[int, int], dict[str, float]] = {}  # gradients, by model and parameter

    def seen(self, pair: int, model: Any) -> Any:
        """The program bound a module."""
        if isinstance(model, torch.nn.Module):
            key = self.record.remember(pair, model)
            if key is not None:
                self.fresh[id(model)] = key
        return model

    def prepare(self, module: Any) -> None:
        """The module's first weights; its mode and its gradients stay as they are."""
        key = self.fresh.pop(id(module), None)
        if key is None:
            return
        modes = [(inner, inner.training) for inner in module.modules()]
        tensors = [*module.parameters(), *module.buffers()]
        kept = [(t, t.detach().clone()) for t in tensors if id(t) in self.started]
        self.load(key, module)
        with torch.no_grad():
            for tensor, value in kept:
                tensor.copy_(value)
        self.started.update(id(t) for t in [*module.parameters(), *module.buffers()])
        for inner, mode in modes:
            inner.training = mode

    def called(self, module: Any) -> None:
        """A module is called from the program itself."""
        known = any(module is model for model in self.record.models.values())
        if self.unnamed and not known and any(True for _ in module.parameters()):
            self.seen(self.unnamed.pop(0), module)

    def watched(self, function: Any) -> Any:
        """A training function of the file: what it returns is noted."""
        names = inspect.signature(function)

        def run(*args: Any, **options: Any) -> Any:
            given = names.bind(*args, **options).arguments
            trains = any(_meaning(name) == "optimizer" and value is not None for name, value in given.items())
            result = function(*args, **options)
            if isinstance(result, dict):
                (self.record.training if trains else self.record.evaluation).append(numbers_of(result))
            return result

        return run

    @contextlib.contextmanager
    def hooked(self) -> Iterator[None]:
        """The module's functions, watched."""
        changes: dict[tuple[Any, str], Any] = dict(draws.torch_draws(torch, lambda: self.depth > 0))
        module = torch.nn.Module
        changes[module, "__call__"] = self._call(module.__call__)
        changes[module, "state_dict"] = self._first_use(module.state_dict)
        changes[torch.Tensor, "backward"] = self._backward(torch.Tensor.backward)
        changes[RandomSampler, "__iter__"] = lambda sampler: iter(range(len(sampler)))
        changes[DataLoader, "__init__"] = self._loader(DataLoader.__init__)
        for kind in ALIGNED:
            if kind.__name__ not in self.exact:
                changes[kind, "__init__"] = _aligned(kind.__init__)
        if self.dtype == "float64":
            changes |= _double()
        hook = register_optimizer_step_pre_hook(self._stepped)
        try:
            with draws.replaced(changes):
                yield
        finally:
            hook.remove()

    def _stepped(self, *_: Any) -> None:
        if self.pending is not None:
            self.record.updates.append(self.pending)
            self.pending = None

    def _call(self, first: Any) -> Any:
        run = self

        def call(self: Any, *args: Any, **options: Any) -> Any:
            if not run.depth:
                run.called(self)
            run.prepare(self)
            run.depth += 1
            try:
                return first(self, *args, **options)
            finally:
                run.depth -= 1

        return call

    def _first_use(self, first: Any) -> Any:
        run = self

        def method(self: Any, *args: Any, **options: Any) -> Any:
            run.prepare(self)
            return first(self, *args, **options)

        return method

    def _backward(self, first: Any) -> Any:
        run = self

        def backward(self: Any, *args: Any, **options: Any) -> None:
            first(self, *args, **options)
            loss = float(self.detach())
            if run.summed:
                run.pending = loss + (run.pending or 0.0)
            else:
                run.record.updates.append(loss)
            run.note_gradients()

        return backward

    def note_gradients(self) -> None:
        """The largest gradients, to tell parameters that have no effect."""
        for key, module in self.record.models.items():
            sizes = self.largest.setdefault(key, {})
            for name, parameter in module.named_parameters():
                if parameter.grad is not None:
                    sizes[name] = max(sizes.get(name, 0.0), float(parameter.grad.abs().max()))

    def _loader(self, first: Any) -> Any:
        run = self

        def init(self: Any, dataset: Any, *args: Any, **options: Any) -> None:
            size = options.get("batch_size", args[0] if args else 1)
            rows = run.cuts.rows(size or 1)
            if rows is not None and isinstance(dataset, TensorDataset) and len(dataset.tensors) > 1:
                dataset = TensorDataset(*(t[:rows] for t in dataset.tensors))
            options["num_workers"] = 0
            options.pop("persistent_workers", None)
            options.pop("prefetch_factor", None)
            first(self, dataset, *args, **options)

        return init


def _aligned(first: Any) -> Any:
    def init(self: Any, *args: Any, **options: Any) -> None:
        first(self, *args, **options)
        conventions.align_epsilon(self)

    return init


def _double() -> dict[tuple[Any, str], Any]:
    """float32 means float64: tensors that the program makes in single precision come out double."""

    def wide(function: Any) -> Any:
        def made(*args: Any, **options: Any) -> Any:
            result = function(*args, **options)
            return result.double() if result.dtype == SINGLE else result

        return made

    names = ("as_tensor", "tensor", "from_numpy")
    changes: dict[tuple[Any, str], Any] = {(torch, name): wide(getattr(torch, name)) for name in names}
    changes |= {(torch, name): torch.float64 for name in ("float32", "float")}
    changes |= {(torch, name): _single(getattr(torch, name)) for name in ("save", "load")}
    changes[torch.Tensor, "float"] = torch.Tensor.double
    return changes


def _single(function: Any) -> Any:
    """`torch.save` and `torch.load` look the types up by their names."""

    def run(*args: Any, **options: Any) -> Any:
        with draws.replaced({(torch, "float32"): SINGLE, (torch, "float"): SINGLE}):
            return function(*args, **options)

    return run
