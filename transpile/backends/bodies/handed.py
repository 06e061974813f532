"""Arrays that are handed to functions of tensors and to models, and tensors to libraries for arrays."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from transpile.backends.bodies.inference import root_of
from transpile.backends.bodies.kinds import TENSOR, Kind
from transpile.backends.bodies.methods import OF_ARRAYS
from transpile.backends.bodies.tables import NEW
from transpile.backends.bodies.variables import holds_variables
from transpile.interpret.values import Array, Batch
from transpile.ir import UNKNOWN, Edit

if TYPE_CHECKING:
    from transpile.backends.bodies.tape import TapeBody
    from transpile.backends.bodies.walker import Env, Value

_FOR_ARRAYS = ("np", "numpy", "plt")
_DEPTH = 4
_OF_TWO = frozenset("matmul add subtract multiply divide equal not_equal greater less pow maximum minimum dot".split())
_NAMED = frozenset("labels logits y_true y_pred x y a b input inputs".split())


def handed(body: TapeBody, node: ast.Call, env: Env) -> Value | None:
    """A call of a function of the program's with its arrays as tensors, or one for arrays with its tensors as
    these; None where nothing is to change."""
    if root_of(node.func) in _FOR_ARRAYS and isinstance(node.func, ast.Attribute):
        return _to_arrays(body, node, env)
    callee = env.get(node.func.id) if isinstance(node.func, ast.Name) else None
    if callee is None or not isinstance(callee.node, ast.FunctionDef):
        return None
    found = [(a, _tensor_text(body, a, callee.node, name, env)) for name, a in _bound(node, callee.node)]
    if not any(text for _, text in found):
        return None  # nothing to say beyond what the walker says
    return _rewritten(body, node, {a: text for a, text in found if text}, env)


def model_input(body: TapeBody, node: ast.expr, env: Env) -> str:
    """What a model is called with: an array as a tensor, of floats as Keras's layers make them."""
    held = array_of(body, node, env)
    if held is not None:
        return as_tensor(body, node, held, env, True)
    text, batch = body.argument(node, env).text, body.object_of(node, env)
    if (
        not isinstance(batch, Batch)
        or batch.dtype == "float32"
        or (not batch.dtype and "float32" in body.references.text)
    ):
        return text
    # Keras makes single floats of what its layers are given; PyTorch refuses anything else.
    ids = any(layer.op is not None and layer.op.name == "embedding" for layer in body.interpreter.layers)
    return f"{text}.float()" if batch.dtype == "float64" or not ids else text


def formatted(body: TapeBody, node: ast.BinOp, env: Env) -> Value | None:
    """`"%f" % loss`: the number of a tensor; None for anything else."""
    from transpile.backends.bodies.walker import Value

    text = node.left.value if isinstance(node.left, ast.Constant) and isinstance(node.op, ast.Mod) else None
    if not isinstance(text, str) or "%s" in text or "%r" in text:
        return None
    parts = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
    edits: list[Edit] = []
    for part in parts:
        value = body.plain(part, env)
        tensor = value.kind.what == "tensor" and isinstance(part, ast.Name | ast.Call | ast.Attribute | ast.Subscript)
        if tensor:
            value = body.replaced(part, f"{body.text(part, value)}.item()", value.kind)
        edits += value.edits
    return Value(Kind("text"), tuple(edits))


def _to_arrays(body: TapeBody, node: ast.Call, env: Env) -> Value | None:
    texts: dict[ast.expr, str] = {}
    for argument in (*node.args, *(k.value for k in node.keywords)):
        if not isinstance(argument, ast.Name | ast.BinOp | ast.Call | ast.Subscript):
            continue
        value = body.plain(argument, env)
        if value.kind.what == "tensor" and value.kind.rank != 0:
            text = body.text(argument, value)
            closed = f"({text})" if isinstance(argument, ast.BinOp) else text
            texts[argument] = f"{closed}.detach().cpu().numpy()"
    return _rewritten(body, node, texts, env) if texts else None


def _rewritten(body: TapeBody, node: ast.Call, texts: dict[ast.expr, str], env: Env) -> Value:
    from transpile.backends.bodies.walker import Value

    edits: list[Edit] = []
    kinds: list[Kind] = []
    function = body.visit(node.func, env)
    for argument in (*node.args, *(k.value for k in node.keywords)):
        if argument in texts:
            edits.append(Edit(body.references.start(argument), body.references.end(argument), texts[argument]))
            kinds.append(TENSOR)
            continue
        value = body.plain(argument, env)
        kinds.append(value.kind)
        edits += value.edits
    kind = Kind("array") if root_of(node.func) in _FOR_ARRAYS else body.called(node, function.kind, kinds)
    return Value(kind, tuple(edits))


def _bound(node: ast.Call, callee: ast.FunctionDef) -> list[tuple[str, ast.expr]]:
    names = [a.arg for a in (*callee.args.posonlyargs, *callee.args.args)]
    return [*zip(names, node.args), *((k.arg, k.value) for k in node.keywords if k.arg is not None)]


def _tensor_text(body: TapeBody, argument: ast.expr, callee: ast.FunctionDef, name: str, env: Env) -> str:
    """The text of an array as the tensor that a function works on; "" where it stays."""
    if isinstance(argument, ast.Starred):
        return ""
    held = array_of(body, argument, env)
    if held is None and env.parent is None and _may_be_array(body, argument, env):
        held = Array()  # a tensor stays what it is
    wanted = takes_tensor(body, callee, name) if held is not None else ""
    return as_tensor(body, argument, held, env, wanted == "operand") if wanted and held is not None else ""


def _may_be_array(body: TapeBody, node: ast.expr, env: Env) -> bool:
    """Whether nothing is known of what stands at module level in the place of a tensor."""
    plain = isinstance(node, ast.Name | ast.Subscript | ast.Attribute)
    return plain and body.plain(node, env).kind.what == "unknown" and body.object_of(node, env) in (None, UNKNOWN)


def as_tensor(body: TapeBody, node: ast.expr, held: Array, env: Env, floats: bool) -> str:
    """An array as a tensor on the device; TensorFlow makes floats beside its variables float32."""
    text = body.text(node, body.plain(node, env))
    single = floats and held.dtype not in ("float32", "uint8", "int32", "int64", "bool")
    return f"torch.as_tensor({text}{', dtype=torch.float32' if single else ''}, device=device)"


def array_of(body: TapeBody, node: ast.expr, env: Env) -> Array | None:
    """The array that an expression is; None for anything else, and for what may be a tensor."""
    kind = body.plain(node, env).kind
    if kind.what == "array":
        return Array()
    if kind.what != "unknown":
        return None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in OF_ARRAYS:
        held = array_of(body, node.func.value, env)
        return Array(None, _dtype(node, held.dtype)) if held is not None else None
    if isinstance(node, ast.BinOp):
        return next((Array() for side in (node.left, node.right) if array_of(body, side, env) is not None), None)
    base = node
    while isinstance(base, ast.Subscript):
        base = base.value
    found = body.object_of(base, env)
    if not isinstance(found, Array) or isinstance(found, Batch):
        return None
    return found if base is node else Array(None, found.dtype)


def _dtype(node: ast.Call, before: str) -> str:
    """The dtype behind a method of an array."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr != "astype":
        return before
    given = node.args[0] if node.args else None
    return str(given.value) if isinstance(given, ast.Constant) else getattr(given, "attr", "")


def takes_tensor(body: TapeBody, callee: ast.FunctionDef, name: str, depth: int = _DEPTH) -> str:
    """How a function uses a parameter: "tensor" for what a framework's function takes, "operand" for what it
    computes with, "" for anything else."""
    for inner in ast.walk(callee):
        path = body.paths.get(inner.func, "") if isinstance(inner, ast.Call) else ""
        if isinstance(inner, ast.Call) and path and not path.endswith(NEW) and _is_given(inner, path, name):
            return "tensor"
        if isinstance(inner, ast.Call) and depth:
            found = _passed_on(body, inner, name, depth)
            if found:
                return found
    operands = [side for n in ast.walk(callee) if isinstance(n, ast.BinOp) for side in (n.left, n.right)]
    computes = any(isinstance(o, ast.Name) and o.id == name for o in operands)
    return "operand" if computes and _is_tensor_code(body, callee) else ""


def _is_tensor_code(body: TapeBody, callee: ast.FunctionDef) -> bool:
    """Whether a function calls a framework, or computes with variables."""
    nodes = list(ast.walk(callee))
    names = [n.id for n in nodes if isinstance(n, ast.Name)]
    return any(n in body.paths for n in nodes) or any(holds_variables(body.module.get(n)) for n in names)


def _passed_on(body: TapeBody, call: ast.Call, name: str, depth: int) -> str:
    """What a call in a function does with one of its parameters."""
    given = [a for a in (*call.args, *(k.value for k in call.keywords)) if isinstance(a, ast.Name) and a.id == name]
    if not given or not isinstance(call.func, ast.Name):
        return ""
    if body.is_model(call.func.id, body.module):
        return "operand"
    inner = body.module.get(call.func.id).node
    if not isinstance(inner, ast.FunctionDef):
        return ""
    return next((takes_tensor(body, inner, n, depth - 1) for n, a in _bound(call, inner) if a in given), "")


def _is_given(call: ast.Call, path: str, name: str) -> bool:
    """Whether a name is what a framework's function computes with."""
    return any(isinstance(a, ast.Name) and a.id == name for a in operands(call, path))


def operands(call: ast.Call, path: str) -> list[ast.expr]:
    """The arguments that a framework's function computes with: the first, or two."""
    count = 2 if path.rpartition(".")[2] in _OF_TWO or ".losses." in path else 1
    return [*call.args[:count], *(k.value for k in call.keywords if k.arg in _NAMED)]
