"""The shell of a module class: its bases, the names of its methods, what Keras keeps for itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from transpile.frontends.torch_program import ClassInfo, Program
from transpile.ir import Edit
from transpile.splice import Output

# Properties and methods of keras.Model and Layer that mean something else.
RESERVED = frozenset(
    "layers input output inputs outputs weights variables losses metrics name dtype path built loss "
    "trainable_weights trainable_variables non_trainable_weights non_trainable_variables compute_dtype "
    "variable_dtype dtype_policy quantization_mode supports_masking input_spec optimizer metrics_names "
    "stop_training jit_compile run_eagerly distribute_strategy rank".split()
) - {"rank"}
METHODS = frozenset(
    "build call compile fit evaluate predict summary add_loss add_weight add_variable add_metric train_step "
    "test_step predict_step compute_loss compute_metrics get_config from_config get_layer save save_weights "
    "load_weights export count_params compute_mask compute_output_shape get_weights set_weights to_json "
    "quantize reset_metrics stateless_call symbolic_call".split()
)


_COMPILED = ("torch.jit.ignore", "torch.jit.unused", "torch.jit.export")


def reserved_names(info: ClassInfo) -> dict[str, str]:
    """New names for attributes and methods that would hide Keras's own."""
    assigned = {
        n.attr
        for n in ast.walk(info.node)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "self"
        if isinstance(n.ctx, ast.Store)
    }
    for node in ast.walk(info.node):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            first = node.args[0]
            if node.func.attr in ("register_buffer", "add_module", "register_parameter") and isinstance(
                first, ast.Constant
            ):
                assigned.add(str(first.value))
    names = assigned | set(info.methods)
    taken = names | RESERVED | METHODS
    found = {}
    for name in sorted(names):
        if name in RESERVED or (name in METHODS and name != "call"):
            new = f"{name}_"
            while new in taken:
                new += "_"
            found[name] = new
    return found


def shell_edits(program: Program, info: ClassInfo, output: Output) -> Iterator[Edit]:
    """The bases, and `forward` as `call`."""
    references = program.references
    own = info.base is None
    for base in info.node.bases:
        if own and id(base) in program.paths:
            text = "keras.Sequential" if info.kind == "sequential" else "layers.Layer" if info.inner else "keras.Model"
            output.imports.add("from keras import layers" if text == "layers.Layer" else "import keras")
            yield Edit(references.start(base), references.end(base), text)
    for statement in info.node.body:
        if isinstance(statement, ast.AnnAssign) and _mentions(program, statement.annotation):
            colon = references.end(statement.target)
            end = references.end(statement.annotation)
            start, end = (colon, end) if statement.value else (references.start(statement), end)
            yield Edit(start, end, "")
    for name, method in info.methods.items():
        node = method.node
        assert isinstance(node, ast.FunctionDef)
        new = "call" if name == "forward" else info.renamed.get(name, name)
        if new != name:
            at = references.data.index(name.encode(), references.start(node) + 3)
            if node.decorator_list:
                at = references.data.index(f"def {name}".encode(), references.start(node)) + 4
            yield Edit(at, at + len(name.encode()), new)
        yield from gradient_decorators(program, info, node)
        if name == "forward" and (method.training or (not info.inner and program.depends_on_mode(info))):
            yield from training_parameter(program, node)
        yield from plain_annotations(program, node)


def gradient_decorators(program: Program, info: ClassInfo, node: ast.FunctionDef) -> Iterator[Edit]:
    """`@torch.no_grad()` goes off methods that forward never comes to; so does what TorchScript is told."""
    references = program.references
    for decorator in node.decorator_list:
        path = program.paths.get(id(decorator.func if isinstance(decorator, ast.Call) else decorator), "")
        stops = path in ("torch.no_grad", "torch.inference_mode")
        if path in _COMPILED or (stops and node.name not in reached(info, "forward")):
            start = references.line_start(references.start(decorator))
            yield Edit(start, references.data.index(b"\n", references.end(decorator)) + 1, "")


def reached(info: ClassInfo, name: str) -> set[str]:
    """The methods that a method of the class calls, directly or not, and itself."""
    found, todo = {name}, [name]
    while todo:
        method = info.method(todo.pop())
        for inner in ast.walk(method.node) if method is not None else ():
            own = isinstance(inner, ast.Attribute) and ast.unparse(inner.value) == "self"
            if own and inner.attr not in found and info.method(inner.attr) is not None:  # type: ignore[attr-defined]
                found.add(inner.attr)  # type: ignore[attr-defined]
                todo.append(inner.attr)  # type: ignore[attr-defined]
    return found


def training_parameter(program: Program, node: ast.FunctionDef) -> Iterator[Edit]:
    """`training=None` behind the other parameters.

    Without it Keras's `fit` does not tell a model that it trains: its layers would run as for inference.
    """
    references, args = program.references, node.args
    if any(a.arg == "training" for a in (*args.args, *args.kwonlyargs)):
        return
    nodes: list[ast.AST] = [*args.args, *args.defaults, *args.kwonlyargs, *(d for d in args.kw_defaults if d)]
    nodes += [args.vararg] if args.vararg else []
    if nodes:
        end = max(references.end(n) for n in nodes)
        yield Edit(end, end, ", training=None")


def plain_annotations(program: Program, node: ast.FunctionDef) -> Iterator[Edit]:
    """Annotations with PyTorch's types go."""
    references = program.references
    for arg in (*node.args.args, *node.args.kwonlyargs):
        if arg.annotation is not None and _mentions(program, arg.annotation):
            yield Edit(references.start(arg) + len(arg.arg.encode()), references.end(arg.annotation), "")
    if node.returns is not None and _mentions(program, node.returns):
        data = references.data
        arrow = data.rindex(b"->", 0, references.start(node.returns))
        start = arrow
        while data[start - 1 : start] in (b" ", b"\t"):
            start -= 1
        yield Edit(start, references.end(node.returns), "")


def _mentions(program: Program, node: ast.expr) -> bool:
    return any(id(n) in program.paths for n in ast.walk(node))
