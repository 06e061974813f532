"""Classes derived from Keras's `Callback` become plain classes."""

from __future__ import annotations

import libcst as cst

from transpile.backends.torch_cleanup import Cleanup
from transpile.frontends.keras_hooks import classes_of
from transpile.frontends.sites import Sites
from transpile.interpret.callbacks import HOOKS
from transpile.interpret.values import Instance, Ref, UserClass
from transpile.source import Source
from transpile.splice import Output

_METHODS = frozenset({"__init__", *HOOKS})


class CallbackClasses:
    """Edits each class once: its base, and calls of methods that did nothing."""

    def __init__(self, sites: Sites, source: Source, output: Output, cleanup: Cleanup) -> None:
        self.sites, self.source, self.output, self.cleanup = sites, source, output, cleanup
        self.written: list[cst.ClassDef] = []

    def write(self, value: object) -> None:
        """The classes of the callbacks among the values that `fit` was given."""
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, Instance):
                for cls in classes_of(item.cls):
                    if cls.node not in self.written:
                        self.written.append(cls.node)
                        self._edit(cls)

    def _edit(self, cls: UserClass) -> None:
        node = cls.node
        gone = [a for a, b in zip(node.bases, cls.bases) if isinstance(b, Ref) and b.path.startswith("keras.")]
        if not gone:
            return
        kept = [self.source.code(a).rstrip(", ") for a in node.bases if a not in gone]
        kept += [self.source.code(a).rstrip(", ") for a in node.keywords]
        start = self.source.span(node.name).end
        last = self.source.span((*node.bases, *node.keywords)[-1]).end
        end = self.source.data.index(b")", last) + 1
        self.output.edit(self.source.span_of(start, end), f"({', '.join(kept)})" if kept else "")
        bases = {self.source.code(a.value) for a in gone}
        finder = _Inherited(self.source, bases)
        node.body.visit(finder)
        for call in finder.found:
            statement = self.sites.statement(call)
            if statement is not None and isinstance(self.sites.parents.get(call), cst.Expr):
                self.cleanup.remove(statement)


class _Inherited(cst.CSTVisitor):
    """`super().__init__()`, `Callback.__init__(self)`, `super().on_epoch_end(epoch, logs)`."""

    def __init__(self, source: Source, bases: set[str]) -> None:
        self.source, self.bases = source, bases
        self.found: list[cst.Call] = []

    def visit_Call(self, node: cst.Call) -> None:
        match node.func:
            case cst.Attribute(value=cst.Call(func=cst.Name(value="super")), attr=attr) if attr.value in _METHODS:
                self.found.append(node)
            case cst.Attribute(value=base, attr=attr) if (
                attr.value in _METHODS and self.source.code(base) in self.bases
            ):
                self.found.append(node)
