"""The user's own callbacks: objects whose hooks the loop calls, and functions."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from transpile.backends.torch_lines import Lines, Moments, Scope
from transpile.frontends.naming import snake
from transpile.frontends.texts import is_simple, parse, segment
from transpile.training_ir import Callback, Checkpoint, Hook, Hooks, StopOnNan

# What a hook is given besides the logs.
_FIRST = {"on_epoch_begin": "epoch", "on_epoch_end": "epoch"}
_BATCH = {
    "on_batch_begin": "batch_begin", "on_train_batch_begin": "batch_begin", "on_batch_end": "batch_end",
    "on_train_batch_end": "batch_end", "on_test_batch_begin": "test_batch_begin",
    "on_test_batch_end": "test_batch_end",
}  # fmt: skip
_PLACES = {
    "on_train_begin": "before", "on_epoch_begin": "begin", "on_test_begin": "test_begin", "on_test_end": "test_end",
    "on_epoch_end": "end", "on_train_end": "after",
}  # fmt: skip


def moments_of(callbacks: Sequence[Callback]) -> Moments:
    """At which moments of a pass these callbacks are called."""
    names = {_BATCH.get(h.name, "") for c in callbacks if isinstance(c, Hooks) for h in c.hooks}
    begins = any(n.endswith("batch_begin") for n in names)
    nan = any(isinstance(c, StopOnNan) for c in callbacks)
    ends = nan or any(n.endswith("batch_end") for n in names)
    ends |= any(isinstance(c, Checkpoint) and not c.epochs for c in callbacks)
    stopping = [c for c in callbacks if isinstance(c, Hooks) and c.stops == "batch"]
    inside = any(_BATCH.get(h.name, "").startswith("batch") for c in stopping for h in c.hooks)
    return Moments(
        begins, ends, inside or any(isinstance(c, StopOnNan) and not c.raises for c in callbacks),
        restores=any(c.infers for c in callbacks if isinstance(c, Hooks)),
    )  # fmt: skip


def ends_training(callbacks: Sequence[Callback]) -> bool:
    """Whether one of them may set `stop_training` of the model."""
    return any((isinstance(c, Hooks) and c.stops) or isinstance(c, StopOnNan) for c in callbacks)


def hook_lines(callback: Hooks, scope: Scope) -> Lines:
    """The calls of one object (or of the functions of a LambdaCallback)."""
    lines, variable = Lines(), callback.variable
    if callback.made:
        variable = scope.fresh(snake(callback.made.partition("(")[0]))
        lines.before.append(f"{variable} = {callback.made}")
    lines.before += _attributes(callback, variable, scope)
    for hook in callback.hooks:
        function = f"{variable}.{hook.text}" if variable else hook.text
        if hook.name in _BATCH:
            getattr(lines, _BATCH[hook.name]).append(function)
            continue
        getattr(lines, _PLACES[hook.name]).append(called(function, _arguments(hook, scope)))
    return lines


def _attributes(callback: Hooks, variable: str, scope: Scope) -> list[str]:
    """What Keras sets on a callback, as far as its class reads it."""
    params = ", ".join(f'"{k}": {v}' for k, v in scope.params.items())
    values = {
        "model": scope.model, "optimizer": scope.optimizer, "params": f"{{{params}}}",
        "validation_data": scope.validation or "None",
    }  # fmt: skip
    return [f"{variable}.{n} = {v}" for n, v in values.items() if n in callback.needs]


def _arguments(hook: Hook, scope: Scope) -> list[str]:
    first = [scope.name(_FIRST[hook.name])] if hook.name in _FIRST else []
    if not hook.reads_logs and hook.optional:
        return first
    logs = {"on_epoch_end": scope.logs, "on_train_end": scope.logs, "on_test_end": scope.name("val_logs")}
    return [*first, logs.get(hook.name, "{}")]


def called(function: str, arguments: list[str]) -> str:
    """A call; that of a lambda is its body, where the arguments can stand in it."""
    node = parse(function)
    if isinstance(node, ast.Lambda):
        body = _body(function, node, arguments)
        return body if body is not None else f"({function})({', '.join(arguments)})"
    return f"{function if is_simple(function) else f'({function})'}({', '.join(arguments)})"


def _body(text: str, node: ast.Lambda, arguments: list[str]) -> str | None:
    """The body of a lambda whose parameters are called what its arguments are called."""
    params = [*node.args.posonlyargs, *node.args.args]
    if len(params) != len(arguments) or node.args.vararg or node.args.kwonlyargs or node.args.kwarg:
        return None
    read = {n.id for n in ast.walk(node.body) if isinstance(n, ast.Name)}
    if any(p.arg in read and p.arg != a for p, a in zip(params, arguments)):
        return None
    body = segment(text, node.body)
    return body if "\n" not in body else f"({body})"
