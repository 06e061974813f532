"""`get_weights` and `set_weights`, of layers and from model to model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property

import libcst as cst

from transpile.backends import torch_layer_weights as weights
from transpile.backends.torch_modules import Left, Modules
from transpile.backends.torch_weight_lists import Seen, WeightList, WeightLists
from transpile.frontends.freezing import Freezing
from transpile.frontends.sites import Sites
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.model_layers import leaves
from transpile.interpret.record import AttributeUse
from transpile.interpret.values import Layer, ModelValue
from transpile.passes.weight_counts import Uncounted, count, lines_of
from transpile.source import Source
from transpile.splice import Output


class WeightUses:
    """The part of the writer of attributes that concerns weights."""

    interpreter: Interpreter
    source: Source
    output: Output
    sites: Sites
    modules: Modules
    freezing: Freezing

    @cached_property
    def weight_lists(self) -> WeightLists:
        """The variables with the weights of whole models."""
        return WeightLists(self.interpreter, self.sites)

    @abstractmethod
    def _edit(self, node: cst.CSTNode, text: str) -> None: ...

    @abstractmethod
    def _module(self, node: cst.BaseExpression, targets: Sequence[Layer | ModelValue] = ()) -> str: ...

    def _get_weights(self, use: AttributeUse, call: cst.Call) -> None:
        layers = [t for t in use.targets if isinstance(t, Layer)]
        if len(layers) != len(use.targets):
            self._get_state(use, call)
            return
        module = self._module(use.node.value, use.targets)
        arrays = weights.read(module, self._lines(layers), not self._looked_at(call))
        parent = self.sites.parents.get(call)
        index = _index(parent) if isinstance(parent, cst.Subscript) and parent.value is call else None
        if index is not None and -len(arrays) <= index < len(arrays):
            assert parent is not None
            self._edit(parent, arrays[index])
        elif isinstance(parent, cst.Assign) and isinstance(parent.targets[0].target, cst.Tuple):
            self._edit(call, ", ".join(arrays))
        else:
            self._edit(call, f"[{', '.join(arrays)}]")

    def _looked_at(self, node: cst.CSTNode) -> bool:
        """Whether an array goes into a function that does not keep it."""
        for outer in self.sites.above(node):
            if isinstance(outer, cst.Call) and self.source.code(outer.func).startswith(("np.", "numpy.", "print")):
                return not self.source.code(outer.func).endswith(("asarray", "array_split", "ravel", "reshape"))
            if isinstance(outer, cst.SimpleStatementLine):
                return False
        return False

    def _count_weights(self, use: AttributeUse, call: cst.Call) -> None:
        """`len(model.trainable_weights)`."""
        if self.freezing.separate(use.targets):
            raise Left("K2T130", "which parameters are trained is decided where the optimizers are made")
        name = use.node.attr.value
        module = self._module(use.node.value, use.targets)
        try:
            models = [lines_of(t) if isinstance(t, ModelValue) else self.modules.lines(t) or () for t in use.targets]
            texts = {count(module, name, lines) for lines in models}
        except Uncounted as problem:
            raise Left("K2T130", f"{self.source.code(use.node)}: {problem}") from None
        if len(texts) != 1:
            raise Left("K2T130", f"{self.source.code(use.node)} is asked of layers of several kinds")
        self._edit(call, texts.pop())

    def _lines(self, layers: Sequence[Layer]) -> tuple[str, ...]:
        lines = {self.modules.lines(x) for x in layers}
        found = lines.pop()
        if found is None or lines:
            raise Left("K2T180", "the weights of these layers are laid out in different ways")
        try:
            weights.read("", found)
        except weights.OtherLayout:
            message = f"the weights of a {layers[0].kind} are laid out in another way in PyTorch"
            raise Left("K2T180", message) from None
        return found

    def _set_weights(self, use: AttributeUse, call: cst.Call) -> None:
        if len(call.args) != 1 or not isinstance(self.sites.parents.get(call), cst.Expr):
            raise Left("K2T180", "set_weights takes one list of arrays")
        given = call.args[0].value
        source = self._source(given)
        if source is not None and self._alike([*use.targets, *source.targets]):
            target = self._module(use.node.value, use.targets)
            origin = self._module(source.node.value, source.targets)
            self._edit(call, f"{target}.load_state_dict({origin}.state_dict())")
            return
        layers = [t for t in use.targets if isinstance(t, Layer)]
        if len(layers) != len(use.targets):
            self._set_state(use, call)
            return
        module, lines = self._module(use.node.value, use.targets), self._lines(layers)
        if isinstance(given, cst.List) and len(given.elements) == len(lines):
            arrays = [self.source.code(e.value) for e in given.elements]
        elif isinstance(given, cst.Name | cst.Attribute):
            arrays = [f"{self.source.code(given)}[{i}]" for i in range(len(lines))]
        else:
            raise Left("K2T180", "the arrays are not written as a list")
        self.output.imports.add("import torch")
        statement = self.sites.statement(call)
        indent = " " * self.sites.indent(statement) if statement is not None else ""
        self._edit(call, f"\n{indent}".join(weights.write(module, lines, arrays)))

    # Whole models

    def _held_weights(self, call: cst.Call) -> WeightList:
        try:
            found = self.weight_lists.around(call)
        except Seen:
            found = None
        if found is None or not self._alike(found.models):
            raise Left("K2T180", "the arrays of a whole model come in another order and layout in PyTorch")
        return found

    def _get_state(self, use: AttributeUse, call: cst.Call) -> None:
        state = f"{self._module(use.node.value, use.targets)}.state_dict()"
        if not self._held_weights(call).computed:
            self.output.imports.add("import copy")
            self._edit(call, f"copy.deepcopy({state})")
        elif isinstance((self.weight_lists.loop_over(call) or (None, None))[1], cst.CompFor):
            self._edit(call, f"{state}.values()")
        else:
            self._edit(call, f"[w.clone() for w in {state}.values()]")

    def _set_state(self, use: AttributeUse, call: cst.Call) -> None:
        held, given = self._held_weights(call), self.source.span(call.args[0].value)
        module = self._module(use.node.value, use.targets)
        before, after = f"{module}.load_state_dict(", ")"
        if held.computed:
            before, after = f"{before}dict(zip({module}.state_dict(), ", f")){after}"
        whole = self.source.span(call)
        self.output.edit(self.source.span_of(whole.start, given.start), before)
        self.output.edit(self.source.span_of(given.end, whole.end), after)

    def _source(self, given: cst.BaseExpression) -> AttributeUse | None:
        """The use behind `other.get_weights()`."""
        if not isinstance(given, cst.Call):
            return None
        return self.interpreter.attribute_uses.get(id(given.func))

    def _alike(self, targets: Sequence[Layer | ModelValue]) -> bool:
        """Whether modules have parameters of the same names."""
        return len({self._keys(t) for t in targets}) == 1

    def _keys(self, target: Layer | ModelValue) -> object:
        if isinstance(target, Layer):
            return self.modules.lines(target)
        done = self.modules.of(target)
        if done is None or done.reading.structured:
            return id(done.reading) if done is not None else id(target)
        return tuple(
            (path, self._keys(layer))
            for name, path in done.written.paths.items()
            if (layer := done.reading.layers.get(name)) is not None
            and any(x.op is not None and (x.op.weights or x.op.weights_of) for x in leaves(layer))
        )


def _index(node: cst.Subscript) -> int | None:
    """The index of `x[1]`."""
    if len(node.slice) != 1 or not isinstance(node.slice[0].slice, cst.Index):
        return None
    value = node.slice[0].slice.value
    if isinstance(value, cst.UnaryOperation) and isinstance(value.operator, cst.Minus):
        return -int(value.expression.value) if isinstance(value.expression, cst.Integer) else None
    return int(value.value) if isinstance(value, cst.Integer) else None
