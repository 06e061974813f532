"""Methods of PyTorch's models, optimizers and tensors that no rule knew: each gets a code."""

from __future__ import annotations

import ast

from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.frontends.torch_devices import Devices
from transpile.frontends.torch_kind_tables import TENSOR_METHODS

_MODEL = frozenset(
    "state_dict load_state_dict parameters named_parameters modules named_modules children named_children zero_grad "
    "double half register_forward_hook apply requires_grad_ cuda cpu to eval train add_module".split()
)
_OPTIMIZER = frozenset("state_dict load_state_dict add_param_group zero_grad step".split())
_TENSOR = frozenset("grad grad_fn requires_grad data backward cuda cpu detach item view permute unsqueeze size".split())


def report_methods(e: ScriptExpressions, devices: Devices) -> None:
    """Reports what is left of PyTorch's objects in code that was converted around it."""
    _report_gone(e, devices)
    plan = e.script.plan
    covered = plan.spans()
    named = [d.span for d in e.script.output.diagnostics if d.level == "error"]
    for node in ast.walk(e.references.tree):
        if not isinstance(node, ast.Attribute) or id(node) in e.kinds.in_strings or e.path(node):
            continue
        if e.script.is_skipped(node) or not _is_left(e, node):
            continue
        start, end = e.references.start(node), e.references.end(node)
        if any(a <= start and end <= b for a, b in covered) or any(s.start <= start < s.end for s in named):
            continue
        code = "T2K103" if e.kind(node.value).name == "tensor" else "T2K155"
        e.script.report(code, node, f"{e.references.code(node)} has no counterpart here")


def _report_gone(e: ScriptExpressions, devices: Devices) -> None:
    """Reports what still reads a variable that went with the choice of a device."""
    covered = e.script.plan.spans()
    for variable in devices.dead:
        for name in devices.reads.get(variable, []):
            start = e.references.start(name)
            if not e.script.is_skipped(name) and not any(a <= start < b for a, b in covered):
                e.script.report("T2K155", name, f"{name.id} went with the choice of a device, and this reads it")


def _is_left(e: ScriptExpressions, node: ast.Attribute) -> bool:
    called = isinstance(e.references.parents.get(node), ast.Call)
    match e.kind(node.value).name:
        case "model":
            return called and node.attr in _MODEL and node.attr not in e.methods(e.kind(node.value))
        case "optimizer":
            return (called and node.attr in _OPTIMIZER) or node.attr == "param_groups"
        case "tensor":
            return node.attr in _TENSOR or (called and node.attr in TENSOR_METHODS)
    return False
