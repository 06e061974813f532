"""Rules for models, losses, optimizers and the device in code outside of module classes."""

from __future__ import annotations

import ast
import re

from transpile.backends.keras_losses import bound, loss_name, loss_object, loss_value
from transpile.backends.keras_optimizers import write_optimizer
from transpile.backends.keras_ranks import classes_last, has_inner_classes
from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.backends.keras_weight_rules import may_have_axes
from transpile.frontends.torch_kind import Part
from transpile.frontends.torch_owned import models_in
from transpile.frontends.torch_variables import assigned_values, is_handed

_MOVING = ("to", "cuda", "cpu", "type_as", "contiguous", "pin_memory", "requires_grad_", "clone")


def model_call(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`model(x)` says in which mode it runs, which PyTorch keeps in the model."""
    if not isinstance(node, ast.Call):
        return None
    called: ast.expr = node.func
    if isinstance(called, ast.Attribute) and called.attr == "forward" and e.kind(called.value).name == "model":
        called = called.value  # `model.forward(x)`
    kind = e.kind(called)
    if kind.name != "model" or e.path(called):
        return None
    if called is node.func and isinstance(node.func, ast.Attribute) and e.kind(node.func.value).name == "model":
        owner = e.kind(node.func.value)
        if node.func.attr in e.methods(owner) or node.func.attr in _MODEL_METHODS:
            return None
    arguments = [e.text(a) for a in (*node.args, *node.keywords)]
    mode = e.mode(node, kind, called)
    if mode:
        arguments.append(mode)
    return f"{e.text(called)}({', '.join(arguments)})"


def shortened_call(e: ScriptExpressions, node: ast.expr) -> str | None:
    """A call of a function of which parameters went away."""
    if not isinstance(node, ast.Call) or id(node) not in e.cut:
        return None
    kept = [a for a in (*node.args, *node.keywords) if id(a) not in e.cut[id(node)]]
    return f"{e.text(node.func)}({', '.join(e.text(a) for a in kept)})"


_MODEL_METHODS = frozenset(
    "to cuda cpu train eval parameters named_parameters state_dict load_state_dict zero_grad apply modules children "
    "named_modules double float half requires_grad_ add_module append extend insert".split()
)


def made_loss(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`nn.CrossEntropyLoss()`."""
    if not isinstance(node, ast.Call) or e.kind(node).name != "loss":
        return None
    name = loss_name(e.path(node.func))
    given = e.arguments(node)
    if not name or given is None:
        return None
    made = loss_object(name, bound(name, *given), e.probabilities(node))
    if made.problem:
        e.script.report("T2K152", node, f"{name}: {made.problem}")
        return None
    e.needs(made.imports, made.helpers)
    return made.text


def called_loss(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`criterion(output, target)`: in Keras the target comes first."""
    if not isinstance(node, ast.Call) or e.kind(node.func).name != "loss" or len(node.args) != 2:
        return None
    made = e.kind(node.func).node
    if not isinstance(made, ast.Call) or e.translated(made) is None:
        return None
    output, target = e.text(node.args[0]), e.target(node.args[1])
    if has_inner_classes(e, loss_name(e.path(made.func)), node.args[0]):
        output = classes_last(e, output)
        target = classes_last(e, target) if e.floats(node.args[1]) else target
    return f"{e.text(node.func)}({target}, {output})"


_LOSS_NAMES = re.compile(r"(?i)(self\.)?_?(criterion\w*|\w*loss(_?(fn|func|function|f))?|cost_?(fn|func|function))")


def foreign_loss(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`criterion(output, target)` with a loss that another file makes."""
    match node:
        case ast.Call(func=func, args=[output, target], keywords=[]) if not e.kind(func):
            if not _LOSS_NAMES.fullmatch(e.kinds.code(func)) or not is_handed(e.kinds, func):
                return None
            e.script.report(
                "T2K223", node, f"{e.kinds.code(func)} is made elsewhere: Keras's losses take the target first"
            )
            return f"{e.text(func)}({e.text(target)}, {e.text(output)})"
    return None


def functional_loss(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`F.cross_entropy(output, target)`."""
    if not isinstance(node, ast.Call) or not e.path(node.func).startswith("torch.nn.functional."):
        return None
    name = loss_name(e.path(node.func))
    given = e.arguments(node)
    if not name or given is None:
        return None
    args, kwargs = given
    pair = [kwargs.pop(k, None) for k in ("input", "target")]
    pair = [args.pop(0) if p is None and args else p for p in pair]
    output, target = pair
    if output is None or target is None:
        return None
    target_node = node.args[1] if len(node.args) > 1 else next(k.value for k in node.keywords if k.arg == "target")
    output_node = node.args[0] if node.args else next(k.value for k in node.keywords if k.arg == "input")
    given_output, given_target, floats = output.text, e.target(target_node), e.floats(target_node)
    if has_inner_classes(e, name, output_node):
        given_output = classes_last(e, given_output)
        given_target = classes_last(e, given_target) if floats else given_target
    made = loss_value(name, bound(name, args, kwargs), given_target, given_output, floats)
    if made.problem:
        e.script.report("T2K152", node, f"{name}: {made.problem}")
        return None
    e.needs(made.imports, made.helpers)
    return made.text


def made_optimizer(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`optim.Adam(model.parameters(), lr=1e-3)`: Keras's get the weights when they are applied."""
    if not isinstance(node, ast.Call) or e.kind(node).name != "optimizer":
        return None
    path, given = e.path(node.func), e.arguments(node)
    if not path or given is None:
        return None
    args, kwargs = given
    kwargs.pop("params", None)
    if groups := _groups(e, node):
        e.script.report("T2K153", node, groups)
        return None
    made = write_optimizer(path, args[1:], kwargs, *e.rate_of(node))
    if made.problem:
        e.script.report("T2K153", node, made.problem)
        return None
    if made.epsilon:
        e.script.report("T2K320", node, "epsilon stands in another place of the formula than in PyTorch")
    e.needs(("import keras",), (made.helper,) if made.helper else ())
    return made.text


def _groups(e: ScriptExpressions, node: ast.Call) -> str:
    """Why the parameters of an optimizer cannot be one list; "" if they can."""
    for inner in ast.walk(node.args[0]) if node.args else ():
        if isinstance(inner, ast.Dict) and len(inner.keys) > 1:
            return "groups of parameters with settings of their own have no counterpart in Keras"
    return ""


def variables_text(e: ScriptExpressions, parameters: ast.expr, rename: dict[str, str]) -> str | None:
    """`model.parameters()` as a list of Keras's variables."""
    models = [e.kinds.code(m) for m in models_in(e.kinds, parameters)]
    if not models:
        if isinstance(parameters, ast.List) and all(e.kind(p).name == "tensor" for p in parameters.elts):
            return f"[{', '.join(e.text(p) for p in parameters.elts)}]"
        return None
    return " + ".join(f"{rename.get(m, m)}.trainable_variables" for m in models)


# The device, and what has no counterpart because Keras needs none


def moved(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`x.to(device)`, `model.cuda()`, `x.detach().cpu().numpy()`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or e.path(node.func):
        return None
    receiver, attr = node.func.value, node.func.attr
    kind = e.kind(receiver).name
    known = kind in ("model", "tensor", "loss", "optimizer") or (not e.kind(receiver) and attr in ("cuda", "cpu"))
    if not known or attr not in _MOVING:
        return None
    if attr == "to" and kind == "tensor":
        return _cast_to(e, node)
    if attr == "clone" and kind == "tensor":
        return e.text(receiver)
    return e.text(receiver)


def _cast_to(e: ScriptExpressions, node: ast.Call) -> str | None:
    """`x.to(device, torch.float32)`: a cast where a dtype is given."""
    assert isinstance(node.func, ast.Attribute)
    for given in (*node.args, *(k.value for k in node.keywords if k.arg == "dtype")):
        name = e.path(given).rpartition(".")[2]
        if e.kind(given).name == "dtype":
            e.needs(("from keras import ops",), ())
            return f'ops.cast({e.text(node.func.value)}, "{KERAS_DTYPES.get(name, name)}")'
    return e.text(node.func.value)


KERAS_DTYPES = {"float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32",
                "short": "int16", "bool": "bool", "uint8": "uint8", "byte": "uint8"}  # fmt: skip


# What Keras counts: buffers too, but no counters of batches.
_COUNTED = re.compile(
    r"sum\(\(?(\w+)\.numel\(\) for \1 in \S+\.state_dict\(\)\.values\(\) "
    r"if \1\.is_floating_point\(\)\)?\)"
)


def counted(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`sum(p.numel() for p in model.parameters())`."""
    match node:
        case ast.Call(
            func=ast.Name(id="sum"),
            args=[
                ast.GeneratorExp(
                    elt=ast.Call(func=ast.Attribute(attr="numel" | "nelement")),
                    generators=[
                        ast.comprehension(iter=ast.Call(func=ast.Attribute(value=model, attr="parameters")), ifs=tests)
                    ],
                )
            ],
        ) if e.kind(model).name == "model":
            e.script.report("T2K222", node, "the weights are counted: the model must have been called before")
            if tests:
                e.needs(("from keras import ops",), ())
                return f"sum(ops.size(w) for w in {e.text(model)}.trainable_variables)"
            return f"{e.text(model)}.count_params()"
    held = [n.value for n in ast.walk(node) if isinstance(n, ast.Attribute) and n.attr == "state_dict"]
    if len(held) == 1 and _COUNTED.fullmatch(ast.unparse(node)) and e.kind(held[0]).name == "model":
        e.script.report("T2K222", node, "the weights are counted: the model must have been called before")
        return f"{e.text(held[0])}.count_params()"
    return None


def kept_weights(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`copy.deepcopy(model.state_dict())`, and `model.load_state_dict(...)` of that."""
    match node:
        case ast.Call(args=[ast.Call(func=ast.Attribute(value=model, attr="state_dict"), args=[])]) if _copies(node):
            return f"{e.text(model)}.get_weights()" if e.kind(model).name == "model" else None
        case ast.Call(func=ast.Attribute(value=model, attr="load_state_dict"), args=[ast.expr() as kept]):
            values = [v for v in assigned_values(e.kinds, kept) if not _is_none(v)]
            same = e.kind(model).name == "model" and bool(values)
            if same and all(isinstance(v, ast.Call) and _copies(v) and kept_weights(e, v) for v in values):
                return f"{e.text(model)}.set_weights({e.references.code(kept)})"
            return _copied_weights(e, node, model, kept)
    return None


def _copied_weights(e: ScriptExpressions, node: ast.expr, model: ast.expr, kept: ast.expr) -> str | None:
    """`target.load_state_dict(model.state_dict())`."""
    match kept:
        case ast.Call(func=ast.Attribute(value=source, attr="state_dict"), args=[]):
            kinds = [e.kind(model), e.kind(source)]
            if all(k.name == "model" for k in kinds) and e.class_of(kinds[0]) == e.class_of(kinds[1]):
                e.script.report("T2K222", node, "weights are copied: both models must have been called before")
                return f"{e.text(model)}.set_weights({e.text(source)}.get_weights())"
    return None


def _is_none(value: ast.AST) -> bool:
    """`None`, also as a part of `best, state = 1e9, None`."""
    if isinstance(value, Part) and isinstance(value.value, ast.Tuple | ast.List):
        value = value.value.elts[value.index]
    return isinstance(value, ast.Constant) and value.value is None


def _copies(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name == "deepcopy"


_SEEDS = ("torch.manual_seed", "pytorch_lightning.seed_everything", "lightning.seed_everything",
          "lightning.pytorch.seed_everything", "pytorch_lightning.utilities.seed.seed_everything")  # fmt: skip


def seeded(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`torch.manual_seed(0)`, `pl.seed_everything(0)`."""
    if not isinstance(node, ast.Call) or e.path(node.func) not in _SEEDS or len(node.args) != 1:
        return None
    e.needs(("import keras",), ())
    return f"keras.utils.set_random_seed({e.text(node.args[0])})"


def availability(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`torch.cuda.is_available()` where something else than the choice of a device reads it."""
    if not isinstance(node, ast.Call):
        return None
    match e.path(node.func):
        case "torch.cuda.is_available" | "torch.accelerator.is_available":
            e.needs(("import keras",), ())
            return 'len(keras.distribution.list_devices("gpu")) > 0'
        case "torch.accelerator.current_accelerator":
            return '"gpu"'
        case "torch.device" if len(node.args) == 1 and not node.keywords:
            return e.text(node.args[0])
    return None


def image_file(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`save_image(images, path)` of torchvision stays, and gets a tensor of PyTorch's."""
    match node:
        case ast.Call(func=func, args=[images, *rest]) if e.path(func) in _IMAGE_FUNCTIONS:
            e.needs(("import torch", "from keras import ops"), ())
            inner = f"torch.from_numpy(ops.convert_to_numpy({e.text(images)}))"
            given = [inner, *(e.text(a) for a in rest), *(e.text(k) for k in node.keywords)]
            e.script.report("T2K323", node, f"{e.path(func)} stays")
            return f"{e.references.code(func)}({', '.join(given)})"
    return None


_IMAGE_FUNCTIONS = ("torchvision.utils.save_image", "torchvision.utils.make_grid")


def switched_off(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`x.detach()`, `x.data`: no gradient flows through."""
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr="detach" | "detach_"), args=[]):
            pass
        case ast.Attribute(value=value, attr="data"):
            pass
        case _:
            return None
    unknown = isinstance(node, ast.Call) and e.kind(value).name == "unknown"  # only tensors have `detach`
    if e.kind(value).name != "tensor" and not unknown:
        return None
    parent = e.references.parents.get(node)
    if isinstance(parent, ast.Attribute) and parent.attr in ("cpu", "numpy", "item"):
        return e.text(value)
    if not e.under_tape(node):
        return e.text(value)
    e.needs(("from keras import ops",), ())
    return f"ops.stop_gradient({e.text(value)})"


def number(e: ScriptExpressions, node: ast.expr) -> str | None:
    """`x.item()`, `x.data[0]`, `x.tolist()`, `x.numpy()`."""
    match node:
        case ast.Subscript(value=ast.Attribute(value=value, attr="data"), slice=ast.Constant(value=0)):
            if may_have_axes(e, value) and "loss" not in e.kinds.code(value).lower():
                return None  # a row of a batch
            attr = "item"
        case ast.Call(func=ast.Attribute(value=value, attr="item" | "numpy" | "tolist" as attr), args=[]):
            pass
        case _:
            return None
    kind = e.kind(value)
    if isinstance(value, ast.Name) and (id(e.kinds.function_of(value)), value.id) in e.numbers:
        return e.text(value)
    if kind.name not in ("tensor", "unknown") or (attr == "tolist" and kind.name != "tensor"):
        return None
    text = e.text(value)
    certain = kind.dtype or re.search(r"(?i)loss|criterion|cost", e.kinds.code(value))  # floats wherever they are made
    if attr == "item" and certain and not may_have_axes(e, value):
        return f"{kind.dtype if kind.dtype in ('int', 'bool') else 'float'}({text})"
    e.needs(("from keras import ops",), ())
    if attr == "item":
        return f"ops.convert_to_numpy({text}).item()"  # float() takes no array of shape (1,)
    return f"ops.convert_to_numpy({text})" + (".tolist()" if attr == "tolist" else "")
