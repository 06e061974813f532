"""Recurrent layers and attention of torch.nn, by layers of their own that the file gets."""

from __future__ import annotations

from transpile.ops._modules import Module

MODULES: tuple[Module, ...] = ()
