"""Methods of PyTorch's models, optimizers and tensors that no rule knew: each gets a code."""

from __future__ import annotations

import ast
import re

from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.frontends.torch_devices import Devices
from transpile.frontends.torch_kind_tables import TENSOR_METHODS

_MODEL = frozenset(
    "state_dict load_state_dict parameters named_parameters modules named_modules children named_children zero_grad "
    "double half register_forward_hook apply requires_grad_ cuda cpu to eval train add_module append extend "
    "insert".split()
)
_OPTIMIZER = frozenset("state_dict load_state_dict add_param_group zero_grad step".split())
_TENSOR = frozenset("grad grad_fn requires_grad data backward cuda cpu detach item view permute unsqueeze size".split())


# What gathers the parameters of several modules for an optimizer.
_GATHERING = ast.BinOp | ast.List | ast.Tuple | ast.ListComp | ast.Dict | ast.Starred | ast.keyword


def report_methods(e: ScriptExpressions, devices: Devices) -> None:
    """Reports what is left of PyTorch's objects in code that was converted around it."""
    _report_gone(e, devices)
    plan = e.script.plan
    named = [d.span for d in e.script.output.diagnostics if d.level == "error"]
    for node in ast.walk(e.references.tree):
        if not isinstance(node, ast.Attribute) or id(node) in e.kinds.in_strings or e.path(node):
            continue
        statement = e.references.statement(node)
        if (
            statement in plan.unwrapped
            or e.script.is_skipped(node)
            or (plan.is_gone(statement) and statement not in plan.laid_out)
        ):
            continue
        if not _is_left(e, node) or _is_translated(e, node):
            continue
        start = e.references.start(node)
        if any(s.start <= start < s.end for s in named):
            continue
        code = "T2K103" if e.kind(node.value).name == "tensor" else "T2K155"
        e.script.report(code, node, f"{e.references.code(node)} has no counterpart here")


def _is_translated(e: ScriptExpressions, node: ast.Attribute) -> bool:
    """Whether some rule took the expression that an attribute stands in."""
    if e.translated(node) is not None:
        return True
    parent = e.references.parents.get(node)
    taken = isinstance(parent, ast.Call | ast.Subscript) and e.translated(parent) is not None
    outer = e.references.parents.get(parent) if parent is not None else None
    while not taken and isinstance(
        outer, ast.Attribute | ast.Subscript | ast.Call | ast.GeneratorExp | ast.comprehension | _GATHERING
    ):
        taken = isinstance(outer, ast.expr) and _replaces(e, outer, node)
        outer = e.references.parents.get(outer)
    return taken


def _replaces(e: ScriptExpressions, outer: ast.expr, node: ast.Attribute) -> bool:
    """Whether what an expression became no longer mentions an attribute."""
    text = e.translated(outer)
    return text is not None and f".{node.attr}" not in text


def _report_gone(e: ScriptExpressions, devices: Devices) -> None:
    """Reports what still reads a variable that went with the choice of a device."""
    covered = e.script.plan.spans()
    texts = e.script.plan.texts()
    for variable in devices.dead:
        reads = [n for n in devices.reads.get(variable, []) if not e.script.is_skipped(n)]
        mentioned = any(re.search(rf"\b{variable[1]}\b", t) for t in texts)
        for name in reads:
            start = e.references.start(name)
            outside = not any(a <= start < b for a, b in covered)
            if outside or (mentioned and not e.script.plan.is_removed(name)):
                e.script.report("T2K155", name, f"{name.id} went with the choice of a device, and this reads it")
                break


def _is_left(e: ScriptExpressions, node: ast.Attribute) -> bool:
    called = isinstance(e.references.parents.get(node), ast.Call)
    match e.kind(node.value).name:
        case "model":
            return called and node.attr in _MODEL and node.attr not in e.methods(e.kind(node.value))
        case "optimizer":
            return (called and node.attr in _OPTIMIZER) or node.attr == "param_groups"
        case "tensor":
            changes = node.attr.endswith("_") and not node.attr.startswith("_")
            return node.attr in _TENSOR or (called and (changes or node.attr in TENSOR_METHODS))
        case "scheduler":
            return node.attr not in ("step", "get_last_lr", "get_lr")
        case "scaler":
            return node.attr != "scale"
        case "writer":
            return node.attr.startswith("add_")
        case "unknown":
            return (called and node.attr == "backward") or node.attr == "param_groups"
    return False
