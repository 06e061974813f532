"""PyTorch, as the comparison uses it. Imported in the child process only."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from transpile.verify import draws
from transpile.verify.programs import described, line_in
from transpile.verify.recipes import Array
from transpile.verify.structures import flatten


class TorchProblem(Exception):
    """The PyTorch program fails when it is run."""


class TorchSide:
    """PyTorch in this process."""

    def __init__(self) -> None:
        self._order = itertools.count()
        torch.set_num_threads(min(torch.get_num_threads(), 2))
        side, first = self, torch.nn.Module.__init__

        def init(self: Any, *args: Any, **options: Any) -> None:
            if "_transpile_order" not in self.__dict__:
                self.__dict__["_transpile_order"] = next(side._order)
                self.__dict__["_transpile_line"] = line_in("torch_program")
            first(self, *args, **options)

        torch.nn.Module.__init__ = init

    @property
    def version(self) -> str:
        """As the report names it."""
        return f"PyTorch {torch.__version__.partition('+')[0]}"

    def reset(self, dtype: str) -> None:
        """The dtype of new parameters, and a fixed seed."""
        torch.set_default_dtype(getattr(torch, dtype))
        torch.manual_seed(0)
        torch.set_grad_enabled(True)
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False

    @contextlib.contextmanager
    def same_draws(self) -> Iterator[None]:
        """Replaces random draws (see `draws`)."""
        with draws.replaced(draws.torch_draws(torch)):
            yield


@dataclass(slots=True)
class Backward:
    """What `loss.backward()` left behind in the written training code."""

    loss: float
    gradients: dict[str, Array]


@dataclass(slots=True)
class Watch:
    """What ran while the written training code was watched."""

    backwards: list[Backward] = field(default_factory=list)
    modes: list[bool] = field(default_factory=list)  # model.training, per forward pass


class TorchModel:
    """A module with its parameters, run on arrays."""

    def __init__(self, side: TorchSide, module: torch.nn.Module, dtype: str) -> None:
        self.side, self.dtype = side, getattr(torch, dtype)
        self.module = module.to(self.dtype)
        self._given: set[int] | None = None
        self.native = False  # the inputs go in with channels first (`--layout native`)
        for inner in module.modules():
            if type(inner).__name__.startswith("Random"):
                inner.train = lambda mode=True, _module=inner: _module
                inner.training = False

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""
        tensors = itertools.chain(self.module.parameters(), self.module.buffers())
        first = next(tensors, None)
        return torch.device("cpu") if first is None else first.device

    def state(self) -> dict[str, torch.Tensor]:
        """Parameters and buffers by name, each once."""
        tensors = dict(self.module.named_parameters())
        tensors.update(self.module.named_buffers())
        return tensors

    def uninitialized(self) -> set[str]:
        """The parameters of lazy modules that get their shape in the first forward pass."""
        kind = torch.nn.parameter.UninitializedTensorMixin
        return {name for name, tensor in self.state().items() if isinstance(tensor, kind)}

    def persistent(self) -> set[str]:
        """The names that the state dict holds."""
        return set(self.module.state_dict())

    def modules(self) -> list[tuple[str, torch.nn.Module]]:
        """The inner modules by path, in order of creation."""
        named = [(n, m) for n, m in self.module.named_modules() if n]
        return sorted(named, key=lambda item: item[1].__dict__["_transpile_order"])

    def tensor(self, array: Array) -> torch.Tensor:
        """An array as the model takes it: floats in its dtype, integers long."""
        tensor = torch.as_tensor(np.ascontiguousarray(array))
        if tensor.is_floating_point():
            tensor = tensor.to(self.dtype)
        elif tensor.dtype != torch.bool:
            tensor = tensor.long()
        return tensor.to(self.device)

    def arguments(self, inputs: Sequence[Array]) -> list[torch.Tensor]:
        """The inputs as tensors, in the model's layout."""
        tensors = [self.tensor(x) for x in inputs]
        return [channels_first(t) for t in tensors] if self.native else tensors

    def call(self, inputs: Sequence[Array]) -> Any:
        """The raw result of the model."""
        tensors = self.arguments(inputs)
        try:
            if len(tensors) > 1 and _parameters(self.module.forward) == 1:
                return self.module(tensors)
            return self.module(*tensors)
        except Exception as error:
            raise TorchProblem(f"PyTorch: {described(error, 'torch_program')}") from None

    def forward(self, inputs: Sequence[Array], training: bool, final: Sequence[str] = ()) -> list[Array]:
        """The outputs as arrays, with the activations that the file applies later."""
        self.module.train(training)
        with torch.no_grad(), self.side.same_draws():
            outputs = flatten(self.call(inputs))
        final = [*final, *[""] * (len(outputs) - len(final))]
        return [_array(activate(o, a)) for o, a in zip(outputs, final, strict=True)]

    def layer_outputs(self, inputs: Sequence[Array], training: bool) -> dict[str, list[Any]]:
        """What every inner module returned, by path, one entry per call."""
        results: dict[str, list[Any]] = {}

        def hook(path: str) -> Any:
            return lambda module, args, out: results.setdefault(path, []).append(out)

        handles = [m.register_forward_hook(hook(n)) for n, m in self.modules()]
        try:
            self.forward(inputs, training)
        finally:
            for handle in handles:
                handle.remove()
        return results

    def write(self, values: Mapping[str, Array]) -> None:
        """Sets parameters and buffers."""
        state = self.state()
        with torch.no_grad():
            for name, value in values.items():
                new = torch.as_tensor(np.array(value)).to(state[name])
                state[name].copy_(new)

    def read(self) -> dict[str, Array]:
        """The values of all parameters and buffers."""
        return {name: _array(tensor) for name, tensor in self.state().items()}

    def given_to(self, optimizer: Any) -> None:
        """Notes the parameters that an optimizer trains: not all of a model's, in a GAN."""
        groups = getattr(optimizer, "param_groups", [])
        self._given = {id(p) for group in groups for p in group["params"]} or None

    def trained(self) -> dict[str, torch.nn.Parameter]:
        """The parameters that are trained."""
        given = self._given
        return {
            name: p
            for name, p in self.module.named_parameters()
            if p.requires_grad and (given is None or id(p) in given)
        }

    def clear_gradients(self) -> None:
        """Forgets gradients."""
        for parameter in self.module.parameters():
            parameter.grad = None

    def gradients(self) -> dict[str, Array]:
        """A copy of every gradient that there is."""
        return {name: _array(p.grad.to_dense()) for name, p in self.trained().items() if p.grad is not None}

    def projected_gradients(
        self, inputs: Sequence[Array], directions: Sequence[Array], final: Sequence[str]
    ) -> tuple[float, dict[str, Array]]:
        """The gradient of the sum of outputs times fixed random directions."""
        self.clear_gradients()
        self.module.train(True)
        with self.side.same_draws():
            outputs = flatten(self.call(inputs))
            final = [*final, *[""] * (len(outputs) - len(final))]
            parts = [
                (activate(o, a) * self.tensor(d)).sum() for o, a, d in zip(outputs, final, directions, strict=True)
            ]
            loss = torch.stack(parts).sum()
            if loss.requires_grad:
                loss.backward()
        return float(loss), self.gradients()

    @contextlib.contextmanager
    def own_dtype(self) -> Iterator[None]:
        """`torch.as_tensor(x, dtype=torch.float32)` of the written code gives the model's precision."""
        first, dtype = torch.as_tensor, self.dtype

        def as_tensor(data: Any, *args: Any, **options: Any) -> torch.Tensor:
            if options.get("dtype") is torch.float32:
                options["dtype"] = dtype
            return first(data, *args, **options)

        torch.as_tensor = as_tensor
        try:
            yield
        finally:
            torch.as_tensor = first

    @contextlib.contextmanager
    def watched(self) -> Iterator[Watch]:
        """Notes every backward pass (before clipping) and the mode of every forward."""
        watch, model = Watch(), self
        first = torch.Tensor.backward

        def backward(self: Any, *args: Any, **options: Any) -> None:
            first(self, *args, **options)
            watch.backwards.append(Backward(float(self.detach()), model.gradients()))

        def before(module: Any, args: Any) -> None:
            watch.modes.append(module.training)

        handle = self.module.register_forward_pre_hook(before)
        torch.Tensor.backward = backward
        try:
            with self.side.same_draws():
                yield watch
        finally:
            torch.Tensor.backward = first
            handle.remove()


def activate(output: torch.Tensor, name: str) -> torch.Tensor:
    """The activation that was moved out of the model."""
    if name == "softmax":
        return output.softmax(dim=-1)
    return getattr(torch, name)(output) if name else output


def channels_first(x: torch.Tensor) -> torch.Tensor:
    """Images, (N, ..., C), to (N, C, ...); other tensors as they are."""
    return x.movedim(-1, 1) if x.ndim > 3 else x


def _parameters(function: Any) -> int:
    """How many positional arguments a function takes; many for *args."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_flags & 0x04:
        return 99
    return int(code.co_argcount) - 1


def _array(tensor: torch.Tensor) -> Array:
    return np.array(tensor.detach().cpu().numpy())
