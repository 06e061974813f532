"""The choice of a device: Keras makes it by itself, so what only serves it can go.

A variable goes if everything that reads it goes: moves to a device, branches that do nothing
else, parameters of functions that go themselves.
"""

from __future__ import annotations

import ast

from transpile.frontends.torch_kind import FUNCTION, argument
from transpile.frontends.torch_kinds import Kinds

_CHOICE = (
    "torch.device", "torch.cuda.is_available", "torch.backends.mps.is_available", "torch.accelerator.is_available",
    "torch.cuda.device_count", "torch.accelerator.current_accelerator", "torch.backends.mps.is_built",
    "torch.get_default_device",
)  # fmt: skip
_SETTINGS = (
    "torch.backends.", "torch.cuda.", "torch.set_num_threads", "torch.set_default_device", "torch.mps.",
    "torch.use_deterministic_algorithms", "torch.set_deterministic", "torch.autograd.set_detect_anomaly",
    "torch.set_float32_matmul_precision",
)  # fmt: skip
_MOVES = ("to", "cuda", "cpu", "type")
_KEYWORDS = ("device", "map_location", "pin_memory", "device_ids")

Variable = tuple[int, str]  # (id of the function or module, name)


class Devices:
    """What goes with the choice of a device in one file."""

    def __init__(self, kinds: Kinds) -> None:
        self.kinds = kinds
        self.references = kinds.references
        self.reads: dict[Variable, list[ast.Name]] = {}
        for name, _ in self.references.reads:
            self.reads.setdefault(self._variable(name), []).append(name)
        self.dead: set[Variable] = self._candidates()
        while losers := {v for v in self.dead if not all(self._read_goes(n) for n in self.reads.get(v, []))}:
            self.dead -= losers

    def _variable(self, name: ast.Name) -> Variable:
        """The variable that a name stands for: of the innermost function that sets it."""
        scope = self.kinds.function_of(name)
        while not isinstance(scope, ast.Module):
            if (id(scope), name.id) in self.kinds.assigned or self._is_parameter(scope, name.id):
                return id(scope), name.id
            scope = self.kinds.function_of(scope)
        return id(scope), name.id

    @staticmethod
    def _is_parameter(scope: ast.AST, name: str) -> bool:
        return isinstance(scope, FUNCTION) and name in [a.arg for a in _parameters(scope)]

    def _candidates(self) -> set[Variable]:
        found = set()
        for variable, entries in self.kinds.assigned.items():
            values = [v for _, v, _ in entries]
            if all(isinstance(v, ast.expr) and self.chooses(v) for v in values):
                found.add(variable)
        changed = True
        while changed:
            changed = False
            for function in self.kinds.functions.values():
                for parameter in _parameters(function):
                    variable = (id(function), parameter.arg)
                    if variable not in found and self._given_device(function, parameter.arg, found):
                        found.add(variable)
                        changed = True
        return found

    def _given_device(self, function: FUNCTION, name: str, found: set[Variable]) -> bool:
        given = [argument(c, function, name) for c in self.kinds.calls.get(function.name, [])]
        if not any(given):
            return name == "device" and not self.kinds.calls.get(function.name) and (
                self.kinds.assigned.get((id(self.references.tree), "device")) is not None
            )  # fmt: skip
        return all(
            g is None or self.chooses(g) or (isinstance(g, ast.Name) and self._variable(g) in found) for g in given
        )

    def chooses(self, value: ast.expr) -> bool:
        """Whether an expression chooses a device, or a type of tensors by it, and does nothing else."""
        paths = [self.kinds.path(n) for n in ast.walk(value)]
        if any(p.startswith(_CHOICE) for p in paths):
            return all(not isinstance(n, ast.Call) or self._harmless(n) for n in ast.walk(value))
        return self.kinds.of(value).name in ("tensor type", "device")

    def _harmless(self, call: ast.Call) -> bool:
        path = self.kinds.path(call.func)
        return path.startswith(_CHOICE) or (isinstance(call.func, ast.Name) and call.func.id in ("str", "int"))

    # Whether a read goes

    def _read_goes(self, name: ast.Name) -> bool:
        child: ast.AST = name
        for parent in self.references.around(name):
            match parent:
                case ast.Call(func=ast.Attribute(attr=attr, value=value) as func) if (
                    child is not func and attr in _MOVES
                ):
                    if self.kinds.of(value).name in ("model", "tensor", "loss", "unknown", "optimizer"):
                        return True
                case ast.Call(func=func) if child is func and self.kinds.of(name).name == "tensor type":
                    return True
                case ast.keyword(arg=arg) if arg in _KEYWORDS:
                    return self._keyword_goes(parent)
                case ast.Call(func=ast.Name(id=called)) if called in self.kinds.functions and child is not parent.func:
                    return self._argument_goes(parent, child)
                case ast.If(test=test) if child is test:
                    return self.branch_goes(parent)
                case ast.Assign(targets=[ast.Name() as target]):
                    return self._variable(target) in self.dead or self._target(target) in self.dead
                case ast.stmt():
                    return False
            child = parent
        return False

    def _target(self, target: ast.Name) -> Variable:
        return id(self.kinds.function_of(target)), target.id

    def _keyword_goes(self, keyword: ast.AST) -> bool:
        call = self.references.parents[keyword]
        if not isinstance(call, ast.Call):
            return False
        if isinstance(call.func, ast.Name) and call.func.id in self.kinds.functions:
            return self._argument_goes(call, keyword)
        return bool(self.kinds.path(call.func)) or (isinstance(call.func, ast.Attribute) and call.func.attr == "to")

    def _argument_goes(self, call: ast.Call, given: ast.AST) -> bool:
        """Whether the parameter that gets an argument goes."""
        assert isinstance(call.func, ast.Name)
        function = self.kinds.functions[call.func.id]
        value = given.value if isinstance(given, ast.keyword) else given
        return any(
            argument(call, function, p.arg) is value and (id(function), p.arg) in self.dead
            for p in _parameters(function)
        )

    def branch_goes(self, node: ast.If) -> bool:
        """Whether a condition guards nothing but moves between devices."""
        return all(self.goes(s) for s in (*node.body, *node.orelse))

    def goes(self, statement: ast.stmt) -> bool:
        """Whether a statement only concerns devices."""
        match statement:
            case ast.Pass():
                return True
            case ast.If():
                return self.branch_goes(statement) and (
                    self.chooses(statement.test) or self._reads_dead(statement.test)
                )
            case ast.Expr(value=ast.Call(func=func)):
                if self.kinds.path(func).startswith(_SETTINGS):
                    return True
                return isinstance(func, ast.Attribute) and func.attr in ("to", "cuda", "cpu")
            case ast.Assign(targets=[target], value=value):
                if self.kinds.path(target).startswith("torch.backends."):
                    return True
                if isinstance(target, ast.Name) and self._target(target) in getattr(self, "dead", ()):
                    return True
                return self._same_after_move(target, value)
        return False

    def _reads_dead(self, test: ast.expr) -> bool:
        names = [n for n in ast.walk(test) if isinstance(n, ast.Name)]
        return bool(names) and all(self._variable(n) in self.dead for n in names)

    def _same_after_move(self, target: ast.expr, value: ast.expr) -> bool:
        """`x = x.cuda()`, `model = nn.DataParallel(model)`."""
        match value:
            case ast.Call(func=ast.Attribute(value=inner, attr="to" | "cuda" | "cpu")):
                return self.kinds.code(inner) == self.kinds.code(target)
            case ast.Call(func=func, args=[inner, *_]) if "DataParallel" in self.kinds.path(func):
                return self.kinds.code(inner) == self.kinds.code(target)
            case ast.Call(func=func) if self.kinds.path(func) == "torch.device":
                return True
        return False

    # What goes

    def statements(self) -> list[ast.stmt]:
        """The statements to remove."""
        found: list[ast.stmt] = []
        for node in ast.walk(self.references.tree):
            if isinstance(node, ast.If) and self.branch_goes(node):
                if self.chooses(node.test) or self._reads_dead(node.test):
                    found.append(node)
            elif isinstance(node, ast.Assign | ast.Expr | ast.AnnAssign) and self._statement_goes(node):
                found.append(node)
        return found

    def _statement_goes(self, node: ast.Assign | ast.Expr | ast.AnnAssign) -> bool:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if all(isinstance(t, ast.Name) and self._target(t) in self.dead for t in targets):
                return True
            return isinstance(node, ast.Assign) and self.kinds.path(targets[0]).startswith("torch.backends.")
        return isinstance(node.value, ast.Call) and self.goes(node)

    def parameters(self) -> list[tuple[FUNCTION, ast.arg]]:
        """The parameters to remove, and with them the arguments of all calls."""
        return [(f, p) for f in self.kinds.functions.values() for p in _parameters(f) if (id(f), p.arg) in self.dead]


def _parameters(function: FUNCTION) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
