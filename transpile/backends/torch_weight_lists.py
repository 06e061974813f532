"""Variables that hold the weights of a whole model, between `get_weights` and `set_weights`.

Keras's list has another order and other layouts than PyTorch's. Where the program only keeps it, or
computes with its arrays one by one, neither is seen: the variable holds a state dict, or the list of
its tensors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import libcst as cst

from transpile.frontends.sites import Sites
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Layer, ModelValue
from transpile.source import Source

_SCALARS = (cst.BinaryOperation, cst.UnaryOperation)
_EMPTY = ("None", "[]", "list()")


class Seen(Exception):
    """The order or the layout of the arrays is seen."""


@dataclass
class WeightList:
    """Variables that hold weights of models that are alike."""

    names: set[str] = field(default_factory=set)
    models: list[Layer | ModelValue] = field(default_factory=list)
    computed: bool = False  # with single arrays
    known: bool = False  # whether one of them was met where it comes from


class WeightLists:
    """What becomes of the variables with the weights of whole models."""

    def __init__(self, interpreter: Interpreter, sites: Sites) -> None:
        self.interpreter, self.sites = interpreter, sites
        self.source: Source = interpreter.source
        self._occurrences: dict[str, list[cst.CSTNode]] = {}
        finder = _Occurrences(self.source)
        self.source.tree.visit(finder)
        self._occurrences = finder.found

    def around(self, call: cst.Call) -> WeightList:
        """The variables that weights from this `get_weights()` or for this `set_weights(...)` go through.

        Raises Seen where one of them is used in another way.
        """
        found, waiting = WeightList(), list(self._starts(call))
        self._methods(call, found)
        if self._computed_in_place(call):
            found.computed = True
        while waiting:
            name = waiting.pop()
            if name in found.names:
                continue
            found.names.add(name)
            for node in self._occurrences.get(name, []):
                waiting += self._use(node, found)
        if not found.known and not self._computed_in_place(call):
            raise Seen(self.source.code(call))
        return found

    def _starts(self, call: cst.Call) -> Iterator[str]:
        """The variable beside the call."""
        assert isinstance(call.func, cst.Attribute)
        if call.func.attr.value == "set_weights":
            given = call.args[0].value
            if isinstance(given, cst.ListComp):
                yield from self._read_by(given)
            elif isinstance(given, cst.Name | cst.Attribute):
                yield self.source.code(given)
            elif not isinstance(given, cst.Call):
                raise Seen(self.source.code(given))
            return
        parent = self.sites.parents.get(call)
        if isinstance(parent, cst.Assign) and len(parent.targets) == 1:
            yield self._name(parent.targets[0].target)
        elif (loop := self.loop_over(call)) is not None:
            yield from self._elements(*loop)
        elif not self._is_set(parent):
            raise Seen(self.source.code(call))

    def _computed_in_place(self, call: cst.Call) -> bool:
        """`[w * 0.5 for w in model.get_weights()]`, and such a list as the argument."""
        first = call.args[0].value if call.args else None
        return isinstance(first, cst.ListComp) or self.loop_over(call) is not None

    def loop_over(self, node: cst.CSTNode) -> tuple[cst.CSTNode, cst.CompFor | cst.For] | None:
        """The variable of a loop over a list, and the loop; also through `zip` and `enumerate`."""
        outer = self.sites.parents.get(node)
        if isinstance(outer, cst.CompFor | cst.For):
            return (outer.target, outer) if outer.iter is node else None
        call = self.sites.parents.get(outer) if isinstance(outer, cst.Arg) else None
        loop = self.sites.parents.get(call) if isinstance(call, cst.Call) else None
        if not isinstance(call, cst.Call) or not isinstance(outer, cst.Arg):
            return None
        if not isinstance(loop, cst.CompFor | cst.For) or not isinstance(loop.target, cst.Tuple):
            return None
        function = self.source.code(call.func)
        at = call.args.index(outer) + (function == "enumerate")
        if function not in ("zip", "enumerate") or at >= len(loop.target.elements):
            return None
        return loop.target.elements[at].value, loop

    def _methods(self, call: cst.Call, found: WeightList) -> None:
        use = self.interpreter.attribute_uses.get(id(call.func))
        if use is None:
            raise Seen(self.source.code(call))
        found.known |= use.node.attr.value == "get_weights"
        found.models += use.targets

    def _name(self, node: cst.CSTNode) -> str:
        if not isinstance(node, cst.Name | cst.Attribute):
            raise Seen(self.source.code(node))
        return self.source.code(node)

    def _is_set(self, arg: cst.CSTNode | None) -> bool:
        call = self.sites.parents.get(arg) if isinstance(arg, cst.Arg) else None
        return isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute) and (
            call.func.attr.value == "set_weights"
        )  # fmt: skip

    # Uses of a variable

    def _use(self, node: cst.CSTNode, found: WeightList) -> list[str]:
        """Checks one occurrence; further variables that weights go to or come from."""
        parent = self.sites.parents.get(node)
        loop = self.loop_over(node)
        if loop is not None:
            found.computed = True
            return self._elements(*loop)
        match parent:
            case cst.Element() if self._given_nothing(node, parent):
                return []
            case cst.AssignTarget():
                return self._stored(self.sites.parents[parent], found)
            case cst.Comparison() | cst.ComparisonTarget() | cst.If():
                return []
            case cst.Subscript():
                return self._item(parent, found)
            case cst.Arg():
                return self._argument(parent, found)
            case cst.Attribute(attr=cst.Name(value="append")):
                found.computed = True
                call = self.sites.parents.get(parent)
                if isinstance(call, cst.Call) and len(call.args) == 1:
                    return self._operands(call.args[0].value)
        raise Seen(self.source.code(parent if parent is not None else node))

    def _stored(self, assign: cst.CSTNode, found: WeightList) -> list[str]:
        value = assign.value if isinstance(assign, cst.Assign) else None
        if isinstance(value, cst.Call) and self._is_get(value):
            self._methods(value, found)
            return []
        if isinstance(value, cst.ListComp):
            found.computed = True
            return self._read_by(value)
        if value is not None and self.source.code(value) in _EMPTY:
            return []
        raise Seen(self.source.code(assign))

    def _given_nothing(self, node: cst.CSTNode, element: cst.Element) -> bool:
        """`best, best_weights = np.inf, None`."""
        target = self.sites.parents.get(element)
        assign = self.sites.parents.get(self.sites.parents[target]) if isinstance(target, cst.Tuple) else None
        value = assign.value if isinstance(assign, cst.Assign) else None
        if not isinstance(target, cst.Tuple) or not isinstance(value, cst.Tuple):
            return False
        at = next(i for i, e in enumerate(target.elements) if e.value is node)
        return at < len(value.elements) and self.source.code(value.elements[at].value) in _EMPTY

    def _argument(self, arg: cst.Arg, found: WeightList) -> list[str]:
        call = self.sites.parents.get(arg)
        assert isinstance(call, cst.Call)
        if self._is_set(arg):
            self._methods(call, found)
        elif self.source.code(call.func) != "len":
            raise Seen(self.source.code(call))
        return []

    # Single arrays

    def _item(self, item: cst.Subscript, found: WeightList) -> list[str]:
        """`weights[i]` of a counting loop, not `weights[0]`."""
        index = item.slice[0].slice
        found.computed = True
        if not isinstance(index, cst.Index) or not isinstance(index.value, cst.Name):
            raise Seen(self.source.code(item))
        parent = self.sites.parents.get(item)
        if isinstance(parent, cst.AssignTarget):
            assign = self.sites.parents[parent]
            return self._operands(assign.value) if isinstance(assign, cst.Assign) else []
        if isinstance(parent, cst.AugAssign) and parent.target is item:
            return self._operands(parent.value)
        return self._goes(item)

    def _elements(self, target: cst.CSTNode, loop: cst.CSTNode) -> list[str]:
        """The variable of a loop over arrays: only computed with."""
        if not isinstance(target, cst.Name):
            raise Seen(self.source.code(target))
        scope = self._comprehension(loop) if isinstance(loop, cst.CompFor) else loop
        found: list[str] = []
        for node in self._occurrences.get(target.value, []):
            if node is not target and scope in self.sites.above(node):
                found += self._goes(node)
        return found

    def _comprehension(self, loop: cst.CSTNode) -> cst.CSTNode:
        return next(n for n in self.sites.above(loop) if not isinstance(n, cst.CompFor))

    def _goes(self, node: cst.CSTNode) -> list[str]:
        """Where the result of computing with an array goes: the variables there."""
        outer = self.sites.parents.get(node)
        while isinstance(outer, _SCALARS):
            node, outer = outer, self.sites.parents.get(outer)
        if isinstance(outer, cst.Assign) and isinstance(outer.targets[0].target, cst.Subscript):
            return [self._name(outer.targets[0].target.value)]
        if isinstance(outer, cst.AugAssign) and isinstance(outer.target, cst.Subscript):
            return [self._name(outer.target.value)]
        if isinstance(outer, cst.Arg):
            call = self.sites.parents.get(outer)
            if isinstance(call, cst.Call) and isinstance(call.func, cst.Attribute) and call.func.attr.value == "append":
                return [self._name(call.func.value)]
        if isinstance(outer, cst.ListComp) and outer.elt is node:
            assign = self.sites.parents.get(outer)
            if isinstance(assign, cst.Assign) and len(assign.targets) == 1:
                return [self._name(assign.targets[0].target)]
            if self._is_set(assign):
                return []
        raise Seen(self.source.code(outer if outer is not None else node))

    def _operands(self, value: cst.BaseExpression) -> list[str]:
        """The lists of weights that an expression computes with."""
        if isinstance(value, cst.BinaryOperation):
            return [*self._operands(value.left), *self._operands(value.right)]
        if isinstance(value, cst.Subscript) and isinstance(value.value, cst.Name | cst.Attribute):
            return [self.source.code(value.value)]
        return []

    def _read_by(self, comprehension: cst.ListComp) -> list[str]:
        """The lists that a comprehension goes through."""
        read = comprehension.for_in.iter
        given = [a.value for a in read.args] if isinstance(read, cst.Call) and not self._is_get(read) else [read]
        return [self.source.code(n) for n in given if isinstance(n, cst.Name | cst.Attribute)]

    @staticmethod
    def _is_get(call: cst.Call) -> bool:
        return isinstance(call.func, cst.Attribute) and call.func.attr.value == "get_weights"


class _Occurrences(cst.CSTVisitor):
    """Every name and dotted name that is read or set, by its text."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: dict[str, list[cst.CSTNode]] = {}

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        self.found.setdefault(self.source.code(node), []).append(node)
        node.value.visit(self)
        return False

    def visit_Name(self, node: cst.Name) -> None:
        self.found.setdefault(node.value, []).append(node)

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False

    def visit_Param(self, node: cst.Param) -> bool:
        if node.default is not None:
            node.default.visit(self)
        return False
