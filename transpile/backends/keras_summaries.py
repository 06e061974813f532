"""TensorBoard: PyTorch's SummaryWriter becomes TensorFlow's summaries."""

from __future__ import annotations

import ast

from transpile.backends.keras_script_expressions import ScriptExpressions

# The method of the writer -> the function of tf.summary, with the names of its first arguments.
_WRITTEN = {
    "add_scalar": ("scalar", ("tag", "scalar_value", "global_step")),
    "add_histogram": ("histogram", ("tag", "values", "global_step")),
    "add_text": ("text", ("tag", "text_string", "global_step")),
}


def writer(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`SummaryWriter("runs/first")`."""
    if not isinstance(node, ast.Call) or e.kind(node).name != "writer" or not e.path(node.func):
        return None
    given = {k.arg: k.value for k in node.keywords} | dict(zip(("log_dir",), node.args))
    if not set(given) <= {"log_dir", "logdir", "flush_secs"} or len(node.args) > 1:
        return None
    folder = next((e.text(given[k]) for k in ("log_dir", "logdir") if k in given), '"runs"')
    e.needs(("import tensorflow as tf",), ())
    return f"tf.summary.create_file_writer({folder})"


def summary(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """`writer.add_scalar("loss", loss.item(), step)`."""
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=holder, attr=attr)) as call) if attr in _WRITTEN:
            pass
        case _:
            return False
    name, parameters = _WRITTEN[attr]
    given = dict(zip(parameters, call.args)) | {str(k.arg): k.value for k in call.keywords}
    if e.kind(holder).name != "writer" or len(call.args) > len(parameters) or set(given) != set(parameters):
        return False
    tag, value, step = (e.text(given[p]) for p in parameters)
    e.needs(("import tensorflow as tf",), ())
    e.script.plan.rewrite(
        statement,
        f"with {e.text(holder)}.as_default():\n    tf.summary.{name}({tag}, {value}, step={step})",
    )
    return True
