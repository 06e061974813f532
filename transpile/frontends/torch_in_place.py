"""Tensors of which a part is assigned: whether another name could show the change.

PyTorch writes into memory that views, lists and the caller share; Keras gives a new tensor. Both
are the same where the tensor was made in the function and nothing else holds it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping

_Scope = ast.FunctionDef | ast.AsyncFunctionDef | ast.Module

VIEWS = frozenset(
    "view reshape permute transpose t T mT squeeze unsqueeze flatten unflatten expand expand_as view_as reshape_as "
    "narrow chunk split unbind swapaxes detach data contiguous to cpu cuda float type type_as from_numpy as_tensor "
    "broadcast_to select diagonal real imag requires_grad_ Variable atleast_2d movedim numpy identity".split()
)
_HOLDERS = ("append", "extend", "insert", "add", "setdefault", "update")


def shared(
    function: _Scope, name: str, statement: ast.stmt, paths: Mapping[int, str], own: Callable[[str], bool]
) -> str:
    """Why a part of the local tensor `name` can't be assigned without others seeing it; "" if it can.

    `own` says of an attribute of self whether it is a module that gives a new tensor.
    """
    made = [n for n in ast.walk(function) if isinstance(n, ast.Assign) and _is_name(n, name)]
    before = [n for n in made if _place(n) < _place(statement)]
    if not any(n in function.body or _around(function, statement, n) for n in before):
        return f"the caller sees the change of {name}, too"
    if any(not is_fresh(n.value, paths, own) for n in made):
        return f"{name} may share its memory with another tensor"
    for holder in _held(function, name):
        if _place(holder) < _place(statement) or _same_loop(function, holder, statement):
            return f"{name} is held by something else, too"
    return ""


def seen_by(function: _Scope, name: str, statement: ast.stmt) -> str:
    """What shows the change that `name += 1` makes: another name of the tensor that is read later, or a list."""
    made = [n for n in ast.walk(function) if isinstance(n, ast.Assign) and _is_name(n, name)]
    last = max((_place(n) for n in made if _place(n) < _place(statement)), default=(0, 0))
    for n in made:
        roots = {r.id for r in ast.walk(n.value) if isinstance(r, ast.Name) and _views(n.value, r.id)}
        root = next(iter(roots - {name}), "") if _place(n) == last and len(n.targets) == 1 else ""
        if root and _is_read(function, root, statement):
            return root
    for holder in _held(function, name):
        again = _same_loop(function, holder, statement) and not any(_same_loop(function, n, statement) for n in made)
        if not (last <= _place(holder) < _place(statement) or again):
            continue
        match holder:
            case ast.Assign(targets=[ast.Name(id=other)]) if _is_read(function, other, statement):
                return other
            case ast.Call(func=ast.Attribute(value=owner)):
                return ast.unparse(owner)
    return ""


def _is_read(function: _Scope, name: str, statement: ast.stmt) -> bool:
    """Whether a name is read behind a statement, or in a loop around it, before it gets another value."""
    end = statement.end_lineno or statement.lineno
    uses = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == name]
    later = sorted((n for n in uses if n.lineno > end), key=lambda n: (n.lineno, isinstance(n.ctx, ast.Store)))
    return bool(later) and isinstance(later[0].ctx, ast.Load)


def is_fresh(value: ast.expr, paths: Mapping[int, str], own: Callable[[str], bool]) -> bool:
    """Whether an expression gives a tensor with memory of its own."""
    match value:
        case ast.BinOp() | ast.UnaryOp() | ast.Compare():
            return True
        case ast.Call(func=func) if path := paths.get(id(func), ""):
            last = path.rpartition(".")[2]
            return last not in VIEWS and not last[:1].isupper() and not last.endswith("_")
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
            return own(name)
        case ast.Call(func=ast.Attribute(value=inner, attr=name)):
            through = name.endswith("_") or name in ("to", "cuda", "float", "cpu", "detach")
            return name in _FRESH or (through and is_fresh(inner, paths, own))
        case ast.Subscript(value=ast.Call(func=ast.Attribute(attr="max" | "min" | "sort" | "topk"))):
            return True  # one of two results
    return False


_FRESH = frozenset(
    "clone new_zeros new_ones new_full new_empty new repeat mean sum softmax sigmoid tanh exp log gather sqrt pow abs "
    "add sub mul div matmul mm bmm index_select masked_fill eq ne gt lt ge le argmax max min".split()
)


def _place(node: ast.stmt | ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _is_name(node: ast.Assign, name: str) -> bool:
    names = [t for target in node.targets for t in ast.walk(target) if isinstance(t, ast.Name)]
    return any(t.id == name and isinstance(t.ctx, ast.Store) for t in names)


def _held(function: _Scope, name: str) -> Iterator[ast.stmt | ast.expr]:
    """Where a tensor, or a view of it, gets another name or becomes part of something."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(value=value, targets=targets):
                parts = [*value.elts] if isinstance(value, ast.Tuple | ast.List) else [value]
                others = any(not (isinstance(t, ast.Name) and t.id == name) for t in targets)
                if any(_views(p, name) for p in parts) and others:
                    yield node
            case ast.Tuple(elts=parts, ctx=ast.Load()) | ast.List(elts=parts, ctx=ast.Load()):
                if any(_views(p, name) for p in parts) and not _is_index(function, node):
                    yield node
            case ast.Call(func=ast.Attribute(attr=attr), args=args) if attr in _HOLDERS:
                if any(_views(a, name) for a in args):
                    yield node


def _is_index(function: _Scope, node: ast.expr) -> bool:
    """Whether a display is an index, a list that a call takes, what is formatted, or what is returned."""
    for parent in ast.walk(function):
        if isinstance(parent, ast.Subscript) and parent.slice is node:
            return True
        if isinstance(parent, ast.Return) and parent.value is node:
            return True
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mod) and parent.right is node:
            return True
        if isinstance(parent, ast.Call) and node in parent.args:
            return getattr(parent.func, "attr", "") in ("cat", "stack", "concat")
    return False


def _views(node: ast.expr, name: str) -> bool:
    """Whether an expression is the tensor itself or a view of it."""
    match node:
        case ast.Name(id=found):
            return found == name
        case ast.Subscript(value=inner) | ast.Attribute(value=inner):
            return _views(inner, name)
        case ast.Call(func=ast.Attribute(value=inner, attr=attr)) if attr in VIEWS:
            return _views(inner, name) or any(_views(a, name) for a in node.args)
    return False


def _loops(function: _Scope, node: ast.AST) -> list[ast.AST]:
    return [n for n in ast.walk(function) if isinstance(n, ast.For | ast.While) and any(i is node for i in ast.walk(n))]


def _same_loop(function: _Scope, a: ast.AST, b: ast.AST) -> bool:
    return any(loop in _loops(function, b) for loop in _loops(function, a))


def _around(function: _Scope, statement: ast.stmt, made: ast.stmt) -> bool:
    """Whether a statement stands in a block around, or of, another one."""
    for node in ast.walk(function):
        for block in ("body", "orelse"):
            held = getattr(node, block, None)
            if isinstance(held, list) and made in held:
                return any(statement is inner for s in held for inner in ast.walk(s))
    return False
