"""Converted models -> edits of the file: the construction replaced, what it was made of deleted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import libcst as cst

from transpile.backends.templates import helper
from transpile.backends.written_model import Converted, Written
from transpile.frontends.blocks import Blocks, names_in, simple_statements
from transpile.frontends.kept_values import is_idle
from transpile.frontends.regions import (
    deletions,
    dropped_statements,
    remaining_names,
    unused_assignments,
)  # fmt: skip
from transpile.interpret.interpreter import Interpreter
from transpile.ir import Edit, Model, Node, Span
from transpile.splice import Output, fragment


class ModelEdits:
    """Writes the converted models of a file into its output."""

    def __init__(
        self, interpreter: Interpreter, blocks: Blocks, output: Output, converted: Sequence[Converted]
    ) -> None:
        self.interpreter = interpreter
        self.source = interpreter.source
        self.blocks = blocks
        self.output = output
        self.converted = converted
        self._statements = Counter(id(c.region.statement) for c in converted if not c.inlined)

    def write(self, folded: Sequence[cst.CSTNode]) -> None:
        """All edits. `folded` are assignments and expressions that are kept as their values."""
        self._fold(folded)
        for done in self.converted:
            self._settle(done)
        for done in self.converted:
            self._imports(done.written)
            if not done.inlined:
                self._replace(done, f"{done.construct}.to(device{self._memory(done)})")
        self._delete()

    def _memory(self, done: Converted) -> str:
        """The argument that lays images out as they come; lazy parameters have no dimensions yet."""
        texts = (done.construct, done.written.definition, *(b.definition for _, b in done.written.blocks))
        lazy = any("nn.Lazy" in text for text in texts)
        return ", memory_format=torch.channels_last" if channels_last(done.model) and not lazy else ""

    def _settle(self, done: Converted) -> None:
        """Moves `model = Sequential()` behind what is assigned before the last layer is added."""
        region = done.region
        if done.inlined or done.reading.value.style != "sequential" or not region.deleted:
            return
        last = max(region.deleted, key=lambda s: self.source.span(s).start)
        begin, end = self.source.span(region.statement).start, self.source.span(last).start
        read = set(re.findall(r"[A-Za-z_]\w*", done.construct + done.written.definition))
        gone = {id(s) for d in region.deleted for s in simple_statements(d)}
        for statement in self.blocks.places:
            if not isinstance(statement, cst.SimpleStatementLine) or id(statement) in gone:
                continue
            if begin < self.source.span(statement).start < end and names_in(statement)[1] & read:
                region.deleted = [region.statement, *(s for s in region.deleted if s is not last)]
                region.anchor = last
                return

    def _replace(self, done: Converted, construct: str) -> None:
        """The statement that makes the model, with its new right-hand side."""
        region = done.region
        span = self.source.span(region.statement)
        head = self.source.data[span.start : region.construct.start].decode()
        tail = self.source.data[region.construct.end : span.end].decode()
        indent = span.start - self.source.line_start(span.start)
        if self._statements[id(region.statement)] > 1:
            self.output.edit(region.construct, construct)
            return
        text = head + construct + tail
        target = head.rpartition("=")[0].strip() if head.rstrip().endswith("=") else ""
        lines = [text]
        if done.written.after and not target:
            target = "model"
            lines = [f"model = {construct}"]
            rest = [head + "model" + tail]
        else:
            rest = []
        lines += [line.replace("{model}", target.split("=")[-1].strip()) for line in done.written.after]
        self.output.edit(
            self.source.span(region.anchor or region.statement), fragment("\n".join([*lines, *rest]), indent)
        )

    def _imports(self, written: Written) -> None:
        blocks = [b.definition for _, b in written.blocks]
        text = "\n".join([written.definition, written.construct, *written.after, *blocks])
        text += "\n".join(helper(name) for name in written.helpers)
        if re.search(r"\bnn\.", text):
            self.output.imports.add("from torch import nn")
        if re.search(r"\bF\.", text):
            self.output.imports.add("from torch.nn import functional as F")
        if re.search(r"\btorchvision\.", text):
            self.output.imports.add("import torchvision")
        if re.search(r"\bmath\.", text):
            self.output.imports.add("import math")
        self.output.imports.add("import torch")

    def _fold(self, folded: Sequence[cst.CSTNode]) -> None:
        """Writes the values of what reads the shape of a tensor that is gone."""
        for statement in folded:
            if not isinstance(statement, cst.SimpleStatementLine):
                value = self.interpreter.shapes_asked[id(statement)][1][0]
                self.output.edit(self.source.span(statement), repr(value))
                continue
            if is_idle(statement):
                self.converted[0].region.deleted.append(statement)
                continue
            small = statement.body[0]
            assert isinstance(small, cst.Assign)
            name = self.source.code(small.targets[0].target)
            value = self.interpreter.assigned[id(statement)][0]
            self.output.edit(self.source.span(statement), f"{name} = {value!r}")

    def _delete(self) -> None:
        regions = [c.region for c in self.converted]
        remaining = remaining_names(regions, self.source, self.blocks)
        for region in regions:
            region.functions = [f for f in region.functions if f.name.value not in remaining]
            if not region.reading.structured:
                for statement in dropped_statements(region, self.interpreter):
                    message = f"`{self.source.code(statement)}` was left out with the function around it"
                    self.output.report("K2T211", self.source.span(statement), message)
        text = " ".join(part for done in self.converted for part in (done.construct, *done.written.after))
        for done in self.converted:
            done.region.deleted += unused_assignments(done.region, regions, text, self.source, self.blocks)
        kept = [c.region.anchor or c.region.statement for c in self.converted if not c.inlined]
        places = [self.source.span(statement) for statement in kept]
        for span in deletions(regions, self.source):
            inside = [p for p in places if span.start <= p.start < span.end]
            for piece in self._around(span, inside):
                self.output.edits.append(Edit(piece.start, piece.end, ""))
                self.output.claimed.append(piece)

    def _around(self, span: Span, holes: list[Span]) -> list[Span]:
        pieces, start = [], span.start
        for hole in sorted(holes, key=lambda h: h.start):
            line = self.source.line_start(hole.start)
            if line > start:
                pieces.append(replace(span, start=start, end=line))
            start = self.source.line_end(hole.end - 1)
        if start < span.end:
            pieces.append(replace(span, start=start))
        return pieces


def channels_last(model: Model) -> bool:
    """Whether a model is a convolutional network on images: PyTorch runs those faster channels last."""
    images = any(i.shape is not None and len(i.shape) == 4 for i in model.inputs)
    nodes = [n for n in model.body if isinstance(n, Node)]
    return images and any(n.op in ("conv2d", "conv2d_transpose", "depthwise_conv2d") for n in nodes)
