"""Records of the interpreter -> nodes, for all runs of a piece of code at once."""

from __future__ import annotations

import re
from dataclasses import replace

from transpile.frontends.naming import attribute_name, identifier, snake
from transpile.frontends.portable import free_names
from transpile.frontends.recorded import Recorded
from transpile.frontends.scope import Record, Run, State, Unstructured, merged, with_values
from transpile.interpret.expressions import is_plain
from transpile.interpret.values import Apply, Frame, Layer, ModelValue, Tensor, UserCall
from transpile.ir import Expr, Node, Shape, Statement

_CHANNELS = re.compile(
    r"(?:int\()?((?:\w+\.)?int_shape\()?(\w+)(?:\)|\.shape|\.get_shape\(\)|\._keras_shape)(?:\.as_list\(\))?\[-1\]\)?"
)


_LITERAL = re.compile(r"""'[^'%{]*'|"[^"%{]*\"""")


class NodeReader:
    """Makes one node of what all runs recorded at the same place.

    `params` are the names that the class is given; `home` is the frame of the model itself,
    None inside a helper; `sequential`: the body adds layers to a Sequential.
    """

    def __init__(
        self,
        recorded: Recorded,
        state: State,
        params: set[str],
        home: Frame | None,
        sequential: bool = False,
    ) -> None:
        self.sequential = sequential  # the body adds layers to a Sequential
        self.recorded = recorded
        self.source = recorded.source
        self.state = state
        self.params = params
        self.home = home  # the frame of the model itself; None inside a helper
        self.docstring = ""
        self.returned: list[str] = []
        self._runs: list[Run] = []
        self._mentioned: set[str] = set()  # the names in the statement that is read
        self.arms = 0  # how many conditions of the running program stand around what is read
        self.counters: set[str] = set()  # variables of ours that follow a number of channels

    @staticmethod
    def _results(record: Record) -> list[Tensor]:
        if isinstance(record, Apply):
            return record.outputs
        value = record.result
        values = list(value) if isinstance(value, tuple | list) else [value]
        if not all(isinstance(v, Tensor) for v in values):
            raise Unstructured("a helper returns more than tensors")
        return [v for v in values if isinstance(v, Tensor)]

    def _inputs(self, record: Record) -> list[Tensor]:
        if isinstance(record, Apply):
            return list(record.inputs)
        return self.recorded.tensor_arguments(record)

    def _node(self, group: list[Record], runs: list[Run], names: list[str]) -> list[Statement]:
        self._runs = runs
        inputs = self._input_names(group, runs)
        first = group[0]
        node = (
            self._block_node(group, inputs, names)
            if isinstance(first, UserCall)
            else self._layer_node([r for r in group if isinstance(r, Apply)], runs, inputs, names)
        )
        for run, record in zip(runs, group):
            for name, tensor in zip(names, self._results(record)):
                run.env.pop(name, None)
                run.env[name] = tensor
        for name, shape in zip(names, node.shapes):
            self.state.shapes[name] = shape
        return [node]

    def _input_names(self, group: list[Record], runs: list[Run]) -> list[str]:
        names: list[str] = []
        for position, tensor in enumerate(self._inputs(group[0])):
            name = runs[0].holder(tensor, self._mentioned) or self._supposed_name(runs[0])
            if name is None:
                raise Unstructured("a tensor that no plain name holds")
            for run, record in zip(runs, group):
                tensors = self._inputs(record)
                if position >= len(tensors) or not run.holds(name, tensors[position]):
                    raise Unstructured("a layer is applied to another tensor from time to time")
            names.append(name)
        return names

    def _supposed_name(self, run: Run) -> str | None:
        """What must hold a tensor of the pass before, where only later passes come here: `if i > 0: x = layer(x)`."""
        open_names = [n for n in self._mentioned & self.state.shapes.keys() if n not in run.env]
        return open_names[0] if run.assumed is not None and len(open_names) == 1 else None

    def _layer_node(self, group: list[Apply], runs: list[Run], inputs: list[str], names: list[str]) -> Node:
        first = group[0]
        if any(r.op is not first.op for r in group) or first.op is None or isinstance(first.layer, ModelValue):
            raise Unstructured("another layer from time to time")
        if first.inputs and any(t.mask is not None for r in group for t in r.inputs):
            raise Unstructured("masks")
        for record, run in zip(group, runs):
            layer = record.layer
            if isinstance(layer, Layer) and (layer.frame is not run.frame or len(layer.applications) != 1):
                raise Unstructured("a layer made elsewhere, or shared")
        args = {n: self._expr([r.args[n] for r in group]) for n in first.args}
        if isinstance(first.layer, Layer):
            for name in ("weights", "trainable"):
                if name in first.layer.common:
                    commons = [r.layer.common[name] for r in group if isinstance(r.layer, Layer)]
                    args[f"common:{name}"] = merged(commons)
        given = tuple(self._concrete(n, [r.inputs[i].shape for r in group]) for i, n in enumerate(inputs))
        shapes = first.op.shape(given, args)
        several = shapes if isinstance(shapes, list) else [shapes]
        out = tuple(with_values(s, [r.outputs[i].made_shape for r in group]) for i, s in enumerate(several))
        name = self._attribute(group)
        return Node(
            first.op.name,
            args,
            tuple(inputs),
            tuple(names),
            name,
            name,
            given,
            out,
            fused=first.fused,
            span=first.span,
        )

    def _concrete(self, name: str, shapes: list[Shape | None]) -> Shape | None:
        return with_values(self.state.shapes.get(name), shapes)

    def _expr(self, exprs: list[Expr]) -> Expr:
        layers = [e.value for e in exprs if isinstance(e.value, Layer)]
        if not layers:
            return self._in_constructor(merged(exprs))
        if len(layers) != len(exprs) or layers[0].op is None:
            raise Unstructured("another wrapped layer from time to time")
        inner = {n: self._expr([v.args[n] for v in layers]) for n in layers[0].args}
        return replace(exprs[0], value=Node(layers[0].op.name, inner, span=layers[0].span))

    def _in_constructor(self, expr: Expr) -> Expr:
        """An argument without tensors: `x.shape[-1]` is the number of channels of x."""
        names = free_names(expr.text) or set()
        if not names & self.state.shapes.keys():
            return expr
        found = _CHANNELS.fullmatch(expr.text.replace(" ", ""))
        shape = self.state.shapes.get(found.group(2)) if found else None
        if shape and shape[-1].text:
            return shape[-1] if expr.known else Expr(shape[-1].text)
        if expr.known and is_plain(expr.value):
            return Expr(repr(expr.value), expr.value)
        raise Unstructured("an argument that is read off a tensor")

    def _attribute(self, group: list[Apply]) -> str:
        layer = group[0].layer
        if not isinstance(layer, Layer):
            return ""
        given = layer.common.get("name")
        if given is not None and not _LITERAL.fullmatch(given.text):
            name = identifier(snake(layer.kind))
        else:
            name = attribute_name(layer)
        return self.state.attributes.unique(name)

    def _block_node(self, group: list[Record], inputs: list[str], names: list[str]) -> Node:
        calls = [c for c in group if isinstance(c, UserCall)]
        block = self.recorded.block(calls[0].function)
        given = [self.state.shapes.get(n) for n in inputs]
        args = self.recorded.constructor(block, calls, dict(zip(block.tensors, given)))
        name = self.state.attributes.unique(identifier(snake(calls[0].function.name)))
        shapes = tuple(
            with_values(
                self.recorded.substituted(s, block, args, name),
                [self._results(c)[i].made_shape for c in calls],
            )
            for i, s in enumerate(block.results)
        )
        concrete = tuple(with_values(s, [self._inputs(c)[i].shape for c in calls]) for i, s in enumerate(given))
        args["class"] = Expr(block.model.class_name)
        span = self.source.span(calls[0].call)
        return Node("block", args, tuple(inputs), tuple(names), name, name, concrete, shapes, span=span)
