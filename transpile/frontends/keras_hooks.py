"""Callbacks with code of the user's: objects of a class derived from `Callback`, LambdaCallback."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator
from typing import Literal

import libcst as cst

from transpile.frontends.keras_compile import Refused
from transpile.frontends.texts import elements, names, parse
from transpile.interpret.attributes import class_attribute
from transpile.interpret.callbacks import HOOKS
from transpile.interpret.expressions import is_plain
from transpile.interpret.values import Event, Frame, Function, Instance, KerasObject, UserClass
from transpile.ir import Expr, literal
from transpile.training_ir import Hook, Hooks

# Hooks between two batches of training.
_BETWEEN = frozenset({"on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end"})
# Code that may predict: a method that does, or a model that goes anywhere.
_INFERS = re.compile(r"\.(predict\w*|evaluate)\(|\bmodel\b(?!\.(optimizer|stop_training|\w+_weights)\b)")
_SET_BY_KERAS = ("model", "params", "validation_data")
_OVERRIDDEN = ("set_model", "set_params", "on_predict_begin", "on_predict_end", "on_predict_batch_begin",
               "on_predict_batch_end")  # fmt: skip


def classes_of(cls: UserClass) -> Iterator[UserClass]:
    """A class of the user's and those of the user's that it derives from."""
    yield cls
    for base in cls.bases:
        if isinstance(base, UserClass):
            yield from classes_of(base)


def read_object(value: Instance, given: Expr, position: int, event: Event, code: str) -> Hooks:
    """The hooks of an object. `code` is the text of its classes. Raises Refused."""
    cls = value.cls
    name = cls.node.name.value
    if cls.keras_base != "keras.callbacks.Callback":
        base = cls.keras_base.rpartition(".")[2]
        raise Refused("K2T126", f"the callback {name} is built on Keras's {base}")
    for method in _OVERRIDDEN[:2]:
        if isinstance(class_attribute(cls, method), Function):
            raise Refused("K2T168", f"the callback {name} has a method {method} of its own")
    hooks = tuple(_hook(h, f) for h in HOOKS if isinstance(f := class_attribute(cls, h), Function))
    replaced = {h.name.replace("on_train_batch", "on_batch") for h in hooks if h.name.startswith("on_train_batch")}
    hooks = tuple(h for h in hooks if h.name not in replaced)
    variable, made = _place(value, given, position, event)
    needs = frozenset(n for n in _SET_BY_KERAS if re.search(rf"\bself\.{n}\b(?!\s*=[^=])", code))
    if re.search(r"\bself\.model\.optimizer\b", code):
        needs |= {"optimizer"}
    outside = code
    for hook in hooks:
        function = class_attribute(cls, hook.name)
        if "batch" not in hook.name and isinstance(function, Function):
            outside = outside.replace(cst.Module([]).code_for_node(function.node.body), "")
    stops: Literal["", "epoch", "batch"] = (
        "" if "stop_training" not in code else "batch" if "stop_training" in outside else "epoch"
    )
    writes = tuple(dict.fromkeys(re.findall(r"""\blogs\[\s*["'](\w+)["']\s*\]\s*=[^=]""", code)))
    batches = any(h.name in _BETWEEN for h in hooks)
    infers = batches and _INFERS.search(outside) is not None
    begins = class_attribute(cls, "on_epoch_begin")
    begun = cst.Module([]).code_for_node(begins.node.body) if isinstance(begins, Function) else ""
    evaluates = ".evaluate(" in begun or (infers and ".evaluate(" in outside)
    return Hooks(hooks, variable, made, needs, stops, writes, infers, evaluates)


def _hook(name: str, function: Function) -> Hook:
    params = [*function.node.params.posonly_params, *function.node.params.params]
    last = params[-1] if params else None
    if last is None or not isinstance(function.node, cst.FunctionDef):
        return Hook(name, name)
    count = 2 if name in ("on_train_begin", "on_train_end", "on_test_begin", "on_test_end") else 3
    if len(params) != count:
        message = f"{name} takes other arguments than Keras gives it"
        raise Refused("K2T168", message)
    body = cst.Module([]).code_for_node(function.node.body)
    reads = re.search(rf"\b{last.name.value}\b", body) is not None
    return Hook(name, name, reads, last.default is not None)


def _place(value: Instance, given: Expr, position: int, event: Event) -> tuple[str, str]:
    """The variable that holds the object where the model is trained, or how it is made."""
    made = value.made
    if made is None:
        raise Refused("K2T167", f"where the callback {value.cls.node.name.value} comes from is not understood")
    texts = elements(given.text)
    listed = texts is not None and isinstance(given.value, list | tuple) and len(texts) == len(given.value)
    text = texts[position] if texts is not None and listed else "" if texts is not None else given.text
    if re.fullmatch(r"[\w.]+", text) and not isinstance(given.value, list | tuple):
        return text, ""
    if re.fullmatch(r"[\w.]+", text) and listed:
        return text, ""
    holder = next((n for n, v in _visible(event.frame) if v is value), "")
    if holder:
        return holder, ""
    return "", _constructed(value, made, event)


def _visible(frame: Frame) -> Iterator[tuple[str, object]]:
    scope: Frame | None = frame
    while scope is not None:
        yield from scope.names.items()
        scope = scope.parent


def _constructed(value: Instance, made: KerasObject, event: Event) -> str:
    args = [portable(e, made.frame, event.frame).text for e in made.args]
    args += [f"{n}={portable(e, made.frame, event.frame).text}" for n, e in made.kwargs.items()]
    return f"{value.cls.node.name.value}({', '.join(args)})"


def sees(frame: Frame, other: Frame) -> bool:
    """Whether code that runs in `frame` sees the names of `other`."""
    scope: Frame | None = frame
    while scope is not None:
        if scope is other:
            return True
        scope = scope.parent
    return False


def portable(expr: Expr, made: Frame, used: Frame) -> Expr:
    """An argument of something made in one frame, in words for another. Raises Refused."""
    scope: Frame | None = made
    local: set[str] = set()
    while scope is not None and not sees(used, scope):
        local |= set(scope.names)
        scope = scope.parent
    if not names(expr.text) & local:
        return expr
    if is_plain(expr.value):
        return literal(expr.value)
    text = _outside(expr.text, local, made, used)
    if text is None:
        raise Refused("K2T167", f"{expr.text} is only known inside the function that makes the callback")
    return Expr(text, expr.value)


def _outside(text: str, local: set[str], made: Frame, used: Frame, depth: int = 0) -> str | None:
    """The text with parameters as their arguments, and variables as what they were assigned."""
    node = parse(text)
    if node is None or depth > 8 or made.call is None or made.call.caller is not used:
        return None
    given = _definitions(made)
    new: dict[str, ast.expr] = {}
    for name in names(text) & local:
        found = given.get(name)
        inner, own = found if found is not None else (None, False)
        inner = _outside(inner, local, made, used, depth + 1) if inner is not None and own else inner
        tree = parse(inner) if inner is not None else None
        if tree is None or _acts(tree):
            return None
        new[name] = tree
    if all(isinstance(e, ast.Name) and e.id == n for n, e in new.items()):
        return text
    return ast.unparse(_Names(new).visit(copy.deepcopy(node)))


def _acts(tree: ast.expr) -> bool:
    """Whether evaluating an expression again may give something else."""
    calls = [ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)]
    return any(c not in ("str", "int", "os.path.join") and not c.endswith(".format") for c in calls)


def _definitions(made: Frame) -> dict[str, tuple[str, bool]]:
    """What the names of a function stand for, and whether that is in the function's own words."""
    assert made.call is not None
    function = made.call.function.node
    params = [*function.params.posonly_params, *function.params.params, *function.params.kwonly_params]
    found = {p.name.value: (cst.Module([]).code_for_node(p.default), False) for p in params if p.default is not None}
    found |= {p.name.value: (e.text, False) for p, e in zip(params, made.call.args)}
    found |= {n: (e.text, False) for n, e in made.call.kwargs.items()}
    if not isinstance(function, cst.FunctionDef):
        return found
    assigned: dict[str, list[cst.BaseExpression]] = {}
    for statement in function.body.body:
        for small in statement.body if isinstance(statement, cst.SimpleStatementLine) else ():
            match small:
                case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))], value=value):
                    assigned.setdefault(name, []).append(value)
    for name, values in assigned.items():
        found.pop(name, None)
        if len(values) == 1 and len(made.bound.get(name, ())) == 1:
            found[name] = (cst.Module([]).code_for_node(values[0]), True)
    return found


class _Names(ast.NodeTransformer):
    """Expressions in place of names."""

    def __init__(self, new: dict[str, ast.expr]) -> None:
        self.new = new

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.new.get(node.id, node)


def refuse_makers(value: object, event: Event) -> None:
    """Refuses callbacks of functions that do something else too: their calls go away."""
    made = value.made if isinstance(value, Instance) else value
    if not isinstance(made, KerasObject) or sees(event.frame, made.frame) or made.frame.function is None:
        return
    node = made.frame.function.node
    if isinstance(node, cst.FunctionDef) and not all(_only_makes(s) for s in node.body.body):
        raise Refused("K2T167", f"{node.name.value} does more than make callbacks")


def _only_makes(statement: cst.CSTNode) -> bool:
    match statement:
        case cst.SimpleStatementLine(body=body):
            return all(_only_makes(s) for s in body)
        case cst.If(body=body, orelse=orelse):
            return all(_only_makes(s) for s in body.body) and (orelse is None or _only_makes(orelse))
        case cst.Else(body=body):
            return all(_only_makes(s) for s in body.body)
        case cst.Expr(value=cst.Call(func=cst.Attribute(attr=cst.Name(value="append" | "extend" | "insert")))):
            return True
        case cst.Expr(value=cst.SimpleString()) | cst.Assign() | cst.AnnAssign() | cst.AugAssign() | cst.Return():
            return True
        case cst.Pass():
            return True
    return False


# LambdaCallback

_LAMBDA_HOOKS = ("on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end", "on_epoch_end",
                 "on_train_end")  # fmt: skip


def read_lambda(args: dict[str, Expr]) -> Hooks:
    """`LambdaCallback(on_epoch_end=f)`."""
    found = []
    for name in _LAMBDA_HOOKS:
        expr = args[name]
        if expr.value is None:
            continue
        value = expr.value
        reads = True
        if isinstance(value, Function):
            params = [*value.node.params.posonly_params, *value.node.params.params]
            count = 1 if name in ("on_train_begin", "on_train_end") else 2
            if len(params) != count:
                raise Refused("K2T168", f"{name} takes other arguments than Keras gives it")
        found.append(Hook(name, expr.text, reads))
    return Hooks(tuple(found), infers=any(h.name in _BETWEEN for h in found))
