"""Modules of torch.nn that are made outside of classes: each is a layer, or a chain of layers."""

from __future__ import annotations

import ast
import re

from transpile.backends.body_modules import permute_layer
from transpile.backends.keras_calls import layer_call
from transpile.backends.keras_chains import chain_call
from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.ops.torch_layers import modules


def named_class(e: ScriptExpressions, node: ast.expr) -> str | None:
    """A class or function of PyTorch that a module class is given."""
    texts = (c.named.get(id(node)) for c in e.script.classes.values())
    return next((t for t in texts if t is not None), None)


def made_model(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`nn.Linear(2, 3)`, `nn.Sequential(...)` outside of classes."""
    if not isinstance(node, ast.Call) or e.kind(node).name != "model":
        return None
    path = e.path(node.func)
    if path in ("torch.nn.DataParallel", "torch.nn.parallel.DistributedDataParallel", "torch.compile"):
        return e.text(node.args[0]) if node.args else None
    if not path.startswith("torch.nn."):
        return None
    if path == "torch.nn.Sequential":
        chain = chain_call(e.references, node)
        if not chain.text:
            code, message = chain.diagnostics[0]
            e.script.report(code, node, message)
            return e.references.code(node)
        return e.script.need(chain, node)
    given = e.arguments(node)
    written = layer_call(path, *given) if given is not None else None
    if written is None or not written.text:
        return None
    text = _qualified(e, node, _laid(path, e.script.need(written, node)))
    match e.references.parents.get(node):
        case ast.Assign(targets=[ast.Name(id=name)]) if name in e.kinds.parameterised:
            e.needs(("import keras",), ())
            return f"keras.Sequential([{text}])"
    return text


def _laid(path: str, text: str) -> str:
    """A layer for images outside of a chain of layers: it takes and gives them channels first, as the module did."""
    module = modules()[path]
    if module.layout != "last" or (module.rank or 0) < 3:
        return text
    assert module.rank is not None
    return f"keras.Sequential([{permute_layer(module.rank, True)}, {text}, {permute_layer(module.rank, False)}])"


def _qualified(e: ScriptExpressions, node: ast.AST, text: str) -> str:
    """`keras.layers.Dense` where a variable of the program's own is called `layers`."""
    if text.startswith("keras.Sequential"):
        e.needs(("import keras", "from keras import layers"), ())
    around = (None, e.kinds.function_of(node))
    stores = (n for n in ast.walk(e.references.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    if not any(n.id == "layers" and e.kinds.function_of(n) in around for n in stores):
        return text
    e.needs(("import keras",), ())
    return re.sub(r"(?<![\w.])layers\.", "keras.layers.", text)
