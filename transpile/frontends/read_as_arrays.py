"""Calls of models on data of which the result is only read as numbers: they are predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import libcst as cst

from transpile.frontends.sites import Sites
from transpile.source import Source, dotted

# Functions of Python's that take an array for what a tensor is.
_BUILTINS = frozenset({"print", "len", "float", "int", "bool", "round", "str", "list", "abs", "display"})
# Methods of Keras's models, which take arrays.
_FED = frozenset(
    "fit evaluate predict train_on_batch test_on_batch predict_on_batch predict_classes predict_proba".split()
)
_LIMIT = 12  # names that one call may be handed on to


@dataclass(frozen=True)
class Call:
    """A call of a model, for which its prediction stands.

    `node` is what the prediction replaces: the call, or `model(x).numpy()`; `numpy` are calls of
    `numpy()` on what the result is read as, which arrays have no need of.
    """

    node: cst.CSTNode
    numpy: tuple[cst.Call, ...] = ()


class _NotNumbers(Exception):
    """A tensor is needed."""


def read_as_array(call: cst.Call, sites: Sites, source: Source, is_model: Callable[[cst.CSTNode], bool]) -> Call | None:
    """How a call of a model can be a prediction; None where something needs the result as a tensor.

    `is_model`: whether a node stands for a model that is converted.
    """
    if any(_is_tape(node) for node in sites.above(call)):
        return None
    reader = _Reader(sites, source, is_model)
    try:
        reader.read(call)
    except _NotNumbers:
        return None
    if not _is_handed(call, sites) and _has_tensors(call, sites, source):
        return None
    direct = [n for n in reader.numpy if isinstance(n.func, cst.Attribute) and n.func.value is call]
    return Call(direct[0] if direct else call, tuple(n for n in reader.numpy if n not in direct))


def _is_tape(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.With) and any(
        isinstance(i.item, cst.Call) and dotted(i.item.func).endswith("GradientTape") for i in node.items
    )


def _is_handed(call: cst.Call, sites: Sites) -> bool:
    """`np.argmax(model(x))`, `model(x).numpy()`: nothing else is looked at."""
    outer = sites.parents[call]
    return isinstance(outer, cst.Arg) or (isinstance(outer, cst.Attribute) and outer.attr.value == "numpy")


def _has_tensors(call: cst.Call, sites: Sites, source: Source) -> bool:
    """Whether tensor code stands in the function around, or the statement of the module: it is written as a whole."""
    whole: cst.CSTNode = sites.function(call) or call
    for node in sites.above(whole) if whole is call else ():
        whole = node if not isinstance(node, cst.Module) else whole
    return any(_is_tensor_code(source.imports.names.get(n.value, "")) for n in _names(whole))


def _is_tensor_code(path: str) -> bool:
    root, _, rest = path.partition(".")
    return root == "tf" or (root == "keras" and rest.startswith(("ops", "backend", "losses", "metrics")))


class _Reader:
    """Follows one result."""

    def __init__(self, sites: Sites, source: Source, is_model: Callable[[cst.CSTNode], bool]) -> None:
        self.sites, self.source, self.is_model = sites, source, is_model
        self.numpy: list[cst.Call] = []
        self._names = 0

    def read(self, node: cst.CSTNode) -> None:
        """Looks at what is around an expression that holds the result. Raises _NotNumbers."""
        outer = self.sites.parents[node]
        match outer:
            case cst.Expr() | cst.FormattedStringExpression():
                return
            case cst.Attribute(attr=cst.Name("shape" | "ndim")):
                return
            case cst.Attribute(attr=cst.Name("numpy")):
                called = self.sites.parents[outer]
                if isinstance(called, cst.Call) and called.func is outer and not called.args:
                    self.numpy.append(called)  # an array from here on, whatever is done with it
                    return
            case cst.Arg():
                called = self.sites.parents[outer]
                if isinstance(called, cst.Call) and self._takes_arrays(called.func):
                    return
            case cst.Subscript() if outer.value is node:
                self.read(outer)
                return
            case cst.UnaryOperation() | cst.BinaryOperation() | cst.Comparison() if self._with_numbers(outer, node):
                self.read(outer)
                return
            case cst.ComparisonTarget():
                comparison = self.sites.parents[outer]
                if isinstance(comparison, cst.Comparison) and _is_number(comparison.left):
                    self.read(comparison)
                    return
            case cst.Assign(targets=[cst.AssignTarget(cst.Name(name))]):
                self._name(name, node)
                return
        raise _NotNumbers

    def _takes_arrays(self, func: cst.BaseExpression) -> bool:
        """Whether a call is one of numpy's, of another library's, of Python's, or of a model's method."""
        if isinstance(func, cst.Attribute) and func.attr.value in _FED and self.is_model(func.value):
            return True
        root = dotted(func).partition(".")[0]
        path = self.source.imports.names.get(root, "")
        if path:
            return path.partition(".")[0] not in ("keras", "tf", "torch")
        return root in _BUILTINS and isinstance(func, cst.Name) and root not in self.sites.everywhere()

    @staticmethod
    def _with_numbers(outer: cst.CSTNode, node: cst.CSTNode) -> bool:
        """Whether arithmetic is with numbers only: it gives the same as of a tensor."""
        match outer:
            case cst.BinaryOperation(left=left, right=right):
                return _is_number(right if left is node else left)
            case cst.Comparison(left=left, comparisons=[cst.ComparisonTarget(comparator=right)]):
                return left is node and _is_number(right)
        return isinstance(outer, cst.UnaryOperation)

    def _name(self, name: str, held: cst.CSTNode) -> None:
        """All reads of a variable that holds the result, and nothing else."""
        self._names += 1
        scope = self.sites.function(held)
        body: cst.CSTNode = scope if scope is not None else self.source.tree
        names = [n for n in _names(body) if n.value == name and self._is_variable(n)]
        bindings = [n for n in names if self._binds(n)]
        hidden = [n for n in names if self.sites.function(n) is not scope]
        if len(bindings) != 1 or self._names > _LIMIT or (hidden and scope is not None):
            raise _NotNumbers
        if name in _declared(self.source.tree) or any(self.sites.owner(n) is not self.sites.owner(held) for n in names):
            raise _NotNumbers
        for n in names:
            if n not in bindings:
                self.read(n)

    def _binds(self, name: cst.Name) -> bool:
        """Whether a name is given a value, in whatever way: assignment, loop, parameter, import, ..."""
        inside: cst.CSTNode = name
        for node in self.sites.above(name):
            match node:
                case cst.AssignTarget() | cst.Param() | cst.ImportAlias() | cst.AugAssign() | cst.Del() | cst.AsName():
                    if not isinstance(node, cst.AugAssign) or node.target is inside:
                        return not (isinstance(node, cst.Param) and node.name is not inside)
                case cst.For() | cst.CompFor():
                    return node.target is inside
                case cst.FunctionDef() | cst.ClassDef():
                    return node.name is inside
                case cst.NamedExpr() if node.target is inside:
                    return True
                case cst.BaseStatement() | cst.BaseSmallStatement() if not isinstance(node, cst.Assign | cst.AnnAssign):
                    return False
            inside = node
        return False

    def _is_variable(self, name: cst.Name) -> bool:
        """Not the name of an attribute or of a keyword argument."""
        outer = self.sites.parents[name]
        if isinstance(outer, cst.Attribute):
            return outer.value is name
        return not (isinstance(outer, cst.Arg) and outer.keyword is name)


def _is_number(node: cst.CSTNode) -> bool:
    while isinstance(node, cst.UnaryOperation):
        node = node.expression
    return isinstance(node, cst.Integer | cst.Float)


def _names(body: cst.CSTNode) -> Iterator[cst.Name]:
    stack = [body]
    while stack:
        node = stack.pop()
        if isinstance(node, cst.Name):
            yield node
        stack += node.children


def _declared(tree: cst.Module) -> set[str]:
    """The names that some function shares with the scopes around it."""
    found: set[str] = set()
    stack: list[cst.CSTNode] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, cst.Global | cst.Nonlocal):
            found |= {item.name.value for item in node.names}
        stack += node.children
    return found
