"""Inputs for a PyTorch model of which only the kind of its inputs is known: tried until it runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch

from transpile.result import InputInfo
from transpile.verify.batches import BATCH

SIZES = (32, 28, 64, 16, 224, 8, 48, 96, 128, 299, 256, 12, 20, 10, 4, 3, 2, 1, 5, 6, 7, 9, 100)
LENGTHS = (12, 8, 16, 5, 20, 4, 28, 32, 10)


def probed(module: torch.nn.Module, infos: Sequence[InputInfo]) -> tuple[InputInfo, ...] | None:
    """The inputs with sizes that the model takes; None where none of those tried fits."""
    if complete(infos):
        return tuple(infos)
    options = [list(itertools.islice(_candidates(module, info), 60)) for info in infos]
    limit = 400 if len(infos) == 1 else 900
    training = module.training
    module.eval()
    try:
        for choice in itertools.islice(_combined(options), limit):
            if _runs(module, choice):
                return choice
    finally:
        module.train(training)
    return None


def complete(infos: Sequence[InputInfo]) -> bool:
    """Whether every size but the number of samples is known."""
    return all(i.shape is not None and None not in i.shape[1:] for i in infos)


def runs(module: torch.nn.Module, infos: Sequence[InputInfo]) -> bool:
    """Whether the model takes such inputs."""
    if not complete(infos):
        return False
    training = module.training
    module.eval()
    try:
        return _runs(module, tuple(infos))
    finally:
        module.train(training)


def _combined(options: list[list[InputInfo]]) -> Iterator[tuple[InputInfo, ...]]:
    """Equal positions first: inputs of a model tend to be of one kind."""
    if len(options) == 1:
        yield from ((o,) for o in options[0])
        return
    for same in zip(*options):
        yield tuple(same)
    yield from itertools.product(*options)


def _runs(module: torch.nn.Module, infos: Sequence[InputInfo]) -> bool:
    tensors = []
    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), torch.get_default_dtype())
    device = next((t.device for t in (*module.parameters(), *module.buffers())), torch.device("cpu"))
    for info in infos:
        assert info.shape is not None
        shape = [BATCH, *(int(n or 1) for n in info.shape[1:])]
        if "int" in info.dtype:
            tensors.append(torch.randint(0, info.high or 2, shape, device=device))
        else:
            tensors.append(torch.randn(shape, dtype=dtype, device=device))
    try:
        with torch.no_grad():
            module(*tensors)
    except Exception:  # not with these sizes
        return False
    return True


def _candidates(module: torch.nn.Module, info: InputInfo) -> Iterator[InputInfo]:
    """Shapes for one input, the likeliest first."""
    kinds = _first_modules(module)
    ranks = [len(info.shape)] if info.shape is not None else [2, 4, 3]
    for rank in ranks:
        if "int" in info.dtype:
            high = info.high or min((m.num_embeddings for m in kinds if isinstance(m, torch.nn.Embedding)), default=4)
            for length in LENGTHS:
                shape = (None, *((length,) * (rank - 1)))
                yield replace(info, shape=shape, high=high)
            continue
        yield from _float_candidates(kinds, info, rank)


def _float_candidates(kinds: list[Any], info: InputInfo, rank: int) -> Iterator[InputInfo]:
    features = _unique(m.in_features for m in kinds if isinstance(m, torch.nn.Linear))
    features += _unique(m.input_size for m in kinds if isinstance(m, torch.nn.RNNBase | torch.nn.RNNCellBase))
    features += _unique(m.normalized_shape[-1] for m in kinds if isinstance(m, torch.nn.LayerNorm))
    features += _unique(m.embed_dim for m in kinds if isinstance(m, torch.nn.MultiheadAttention))
    conv = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
    channels = _unique(m.in_channels for m in kinds if isinstance(m, conv))
    channels += _unique(m.in_channels for m in kinds if hasattr(m, "in_channels") and not isinstance(m, conv))
    channels += _unique(m.num_features for m in kinds if hasattr(m, "num_features"))
    if rank <= 1:
        yield replace(info, shape=(None,))
    elif rank == 2:
        for size in [*features[:6], *LENGTHS]:
            yield replace(info, shape=(None, size))
    elif rank == 3:
        for size in features[:4]:
            for length in LENGTHS[:6]:
                yield replace(info, shape=(None, length, size))
        for channel in channels[:3] or [3]:
            for length in (*LENGTHS, *SIZES):
                yield replace(info, shape=(None, channel, length))
    else:
        for channel in [*channels[:2], 1, 3]:
            for size in SIZES:
                yield replace(info, shape=(None, channel, *((size,) * (rank - 2))))


def _first_modules(module: torch.nn.Module) -> list[Any]:
    return [m for m in module.modules() if not list(m.children())]


def _unique(values: Any) -> list[int]:
    return list(dict.fromkeys(int(v) for v in values))
