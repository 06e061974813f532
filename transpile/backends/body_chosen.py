"""Classes of modules and functions that are chosen: by a dict, a parameter, an attribute, a branch.

Where a program calls one of several, or one that other files may replace, the call stays and what
is named becomes a function of the same arguments: `norm = lambda num_features: BatchNormalization(...)`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import replace

from transpile.backends.body_applying import Applying
from transpile.backends.body_expressions import LAYERS
from transpile.backends.body_keywords import parameters_of
from transpile.backends.body_uses import Calls
from transpile.ops._functions import Call, Left, Operand, bound, fresh, like
from transpile.ops._functions_index import function_of
from transpile.ops.torch_layers import modules
from transpile.torch_values import (
    UNKNOWN_VALUE,
    ClassValue,
    FunctionValue,
    Items,
    Leaf,
    Plain,
    Tensor,
    Value,
)

_LEFT_OUT = "inplace"
_ANY = "torch.nn.Identity"  # takes whatever it is given


class Chosen(Applying):
    """Adds calls of classes and functions that are not known by one name."""

    def is_chosen(self, kinds: Iterable[Value]) -> bool:
        """Whether a call of these stays: they are several, or not all that may come."""
        found = list(kinds)
        named = [k for k in found if isinstance(k, ClassValue | FunctionValue) and isinstance(k.of, str)]
        paths = {k.of for k in named if isinstance(k.of, str)}
        partly = any(isinstance(k, ClassValue) and k.given for k in named)
        return bool(named) and (len(paths) > 1 or len(named) < len(found) or partly or any(k.open for k in named))

    # Classes

    def make_chosen(self, node: ast.Call, kind: ClassValue, kwargs: dict[str, Operand]) -> Value:
        """What a call makes where it is this class of torch.nn."""
        path = str(kind.of)
        module, named = modules().get(path), kind.node
        if module is None or module.apply is not None or named is None:
            raise Left(f"{path.removeprefix('torch.')} as one of several", "T2K104")
        if "**" in kwargs or any(isinstance(a, ast.Starred) for a in node.args):
            raise Left(f"{path.removeprefix('torch.')} as one of several, with stars", "T2K104")
        self.uses.see_call(named, node, [k.arg or "" for k in node.keywords])
        call = self.uses.call_with(node, named)
        own, shared = self.uses.rank(call), self.uses.rank(named)
        own.unify(shared)
        if self.final and (self.runs_last(module, own) != self.runs_last(module, shared) or own.value != shared.value):
            raise Left(f"{path.removeprefix('torch.')} for tensors of several ranks", "T2K104")
        return Leaf(path, call)

    def chosen_text(
        self, node: ast.Call, func: str, args: list[Operand], kwargs: dict[str, Operand], kinds: Iterable[Value]
    ) -> str:
        """The call, without the switch that Keras has no use for."""
        if _LEFT_OUT in kwargs and any(isinstance(k.of, str) for k in kinds if isinstance(k, ClassValue)):
            given = [o.text for o in args] + [f"{n}={o.text}" for n, o in kwargs.items() if n != _LEFT_OUT]
            return f"{func}({', '.join(given)})"
        return self.call_text(node, func, args, kwargs)

    def call_text(self, node: ast.Call, func: str, args: list[Operand], kwargs: dict[str, Operand]) -> str:
        """The user's text with operands in PyTorch's layout."""
        raise NotImplementedError

    def reference(self, node: ast.expr, path: str) -> Operand:
        """A name of PyTorch that is not called here: a function where calls of it stay."""
        found = super().reference(node, path)
        value = found.value
        if isinstance(value, ClassValue | FunctionValue):
            value = replace(value, node=node)
        calls = self.uses.calls.get(id(node))
        if not calls or not isinstance(value, ClassValue | FunctionValue):
            return Operand(found.text, value)
        text = self.class_text(value, calls) if isinstance(value, ClassValue) else self.function_text(value, calls)
        return self.made(self.apart(node, text), value)

    def apart(self, node: ast.expr, text: str) -> str:
        """A lambda in parentheses where what stands around it would become part of it."""
        parent = self.references.parents[node]
        called = isinstance(parent, ast.Call) and parent.func is node
        alone = isinstance(parent, ast.Call | ast.keyword | ast.arguments | ast.Dict | ast.List | ast.Tuple | ast.stmt)
        return text if not text.startswith("lambda") or (alone and not called) else f"({text})"

    def partly(self, node: ast.Call) -> Operand | None:
        """`functools.partial(nn.LayerNorm, eps=1e-6)`."""
        func = node.func
        name = self.program.imported.get(func.id, "") if isinstance(func, ast.Name) else ast.unparse(func)
        if name != "functools.partial" or not node.args:
            return None
        callee = self.expr(node.args[0]).value
        if not isinstance(callee, ClassValue) or not isinstance(callee.of, str):
            return None
        if len(node.args) > 1 or any(k.arg is None for k in node.keywords):
            raise Left("functools.partial with arguments by their place", "T2K104")
        given = tuple((str(k.arg), self.expr(k.value)) for k in node.keywords)
        value = ClassValue(callee.of, node, given)
        calls = self.uses.calls.get(id(node))
        if not calls:
            return Operand(self.source(node), value)
        return self.made(self.apart(node, self.class_text(value, calls)), value)

    def class_text(self, value: ClassValue, calls: Calls) -> str:
        """`lambda num_features: BatchNormalization(...)`, or `layers.ReLU`."""
        path, node = str(value.of), value.node
        assert node is not None
        if path == _ANY:
            self.imports.add("from keras import layers")
            bare = not any(count or names for count, names in calls.values())
            return "layers.Identity" if bare else "lambda *args, **kwargs: layers.Identity()"
        params = parameters_of(modules()[path].torch)
        names = [n for n in taken(params, calls, path) if n != _LEFT_OUT]
        always = taken(params, calls, path, everywhere=True)
        kwargs = {n: o for n, o in value.given if isinstance(o, Operand)}
        self.check_kept(kwargs.values())
        kwargs |= {n: Operand(n, UNKNOWN_VALUE) for n in names}
        made, _ = self.layers_of(path, node, [], kwargs)
        text = made[0] if len(made) == 1 else f"keras.Sequential([{', '.join(made)}])"
        if len(made) > 1:
            self.imports.add("import keras")
        shown = ", ".join(n if n in always else f"{n}={params[n]}" for n in names)
        if not shown:
            return text.removesuffix("()") if text.endswith("()") and text.count("(") == 1 else f"lambda: {text}"
        return f"lambda {shown}: {text}"

    def check_kept(self, given: Iterable[Operand]) -> None:
        """What `functools.partial` keeps must mean the same when the call comes."""
        body = self.info.node if self.info is not None else None
        stored = (
            [n.id for n in ast.walk(body) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)] if body else []
        )
        for operand in given:
            names = (n for n in ast.walk(ast.parse(operand.text, mode="eval")) if isinstance(n, ast.Name))
            if any(n.id in stored for n in names):
                raise Left(f"functools.partial with {operand.text}, which changes", "T2K104")

    def check_given(self, callee: str, args: list[Operand], kwargs: dict[str, Operand]) -> None:
        """Other code can't be given a class of PyTorch, nor ask for one that Keras has not."""
        for operand in (*args, *kwargs.values()):
            parts = operand.value.items if isinstance(operand.value, Items) else (operand.value,)
            for path in (p.of for p in parts if isinstance(p, ClassValue) and isinstance(p.of, str)):
                name = path.removeprefix("torch.nn.")
                asked = callee in ("isinstance", "issubclass")
                if not asked or (name not in LAYERS and name not in ("Module", "Sequential")):
                    raise Left(f"{path.removeprefix('torch.')} is handed to {callee}", "T2K104")

    # Functions

    def apply_named(
        self, function: FunctionValue, node: ast.Call, text: str, operands: list[Operand], kwargs: dict[str, Operand]
    ) -> Operand:
        """A call that stays of a function of PyTorch that is one of several."""
        path = str(function.of)
        named = {n: o for n, o in kwargs.items() if n != _LEFT_OUT}
        if function_of(path) is None or function.node is None or not operands or len(named) < len(kwargs):
            raise Left(f"{path.removeprefix('torch.')} as one of several", "T2K104")
        self.uses.see_call(function.node, node, list(named))
        x = operands[0].value
        anywhere = isinstance(x, Tensor) and x.last and self.lies_anywhere(path)
        given = [operands[0].text if anywhere else self.laid(operands[0], False)]
        given += [self.laid(o, False) for o in operands[1:]]
        given += [f"{n}={self.laid(o, False)}" for n, o in named.items()]
        value = like(x, ones=False) if anywhere or self.lies_anywhere(path) else fresh(None, "")
        return self.made(f"{text}({', '.join(given)})", value)

    def lies_anywhere(self, path: str) -> bool:
        """Whether a function of one tensor does the same to each of its elements."""
        texts = set()
        for last in (False, True):
            try:
                entry = function_of(path)
                assert entry is not None
                call = Call(path, bound(entry, path, [Operand("x", fresh(4, last=last))], {}))
                text, value = entry.handler(call)
            except Left:
                return False
            if not isinstance(value, Tensor) or value.last != last or value.rank.value != 4:
                return False
            texts.add(text)
        return len(texts) == 1

    def function_text(self, value: FunctionValue, calls: Calls) -> str:
        """`ops.relu`, or `lambda x: ...` of the arguments that the calls give."""
        path = str(value.of)
        entry = function_of(path)
        assert entry is not None
        params = {n: None if d is ... else repr(d) for n, d in entry.params}
        names, always = taken(params, calls, path), taken(params, calls, path, everywhere=True)
        operands = {n: Operand(n, Tensor() if i == 0 else Plain()) for i, n in enumerate(names)}
        found = self.function(path, "", [], operands)
        shown = ", ".join(n if n in always else f"{n}={params[n]}" for n in names)
        if len(names) == 1 and found.text.endswith(f"({shown})") and found.text.count("(") == 1:
            return found.text.removesuffix(f"({shown})")
        return f"lambda {shown}: {found.text}"


def taken(
    params: dict[str, str | None],
    calls: Calls,
    path: str,
    everywhere: bool = False,
) -> list[str]:
    """The parameters that some call gives, or that every one does, in the order of the signature."""
    each = []
    for count, names in calls.values():
        places = list(params)[:count]
        if count > len(params) or _LEFT_OUT in places or any(n not in params and n != _LEFT_OUT for n in names):
            raise Left(f"{path.removeprefix('torch.')} as one of several gets other arguments", "T2K104")
        each.append({*places, *names})
    found = set.intersection(*each) if everywhere else set.union(*each)
    return [n for n in params if n in found]
