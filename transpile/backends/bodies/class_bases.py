"""What classes of the user's hand on to Keras's own constructors: all but names must be understood."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.kinds import UNSURE, Kind
from transpile.backends.bodies.own import OwnClass
from transpile.interpret.attributes import class_attribute
from transpile.interpret.values import Instance, Ref
from transpile.ir import UNKNOWN

# Methods of Keras's that nothing calls in PyTorch.
DROPPED = frozenset("get_config from_config compute_output_shape compute_mask build_graph".split())
# Arguments of `Layer` that change nothing of what is computed, and values of others that do not.
_HARMLESS = frozenset("name dynamic autocast input_shape batch_input_shape input_dim reduction".split())
_USUAL = {"trainable": (True,), "dtype": (None, "float32"), "activity_regularizer": (None,), "weights": (None,)}


def is_super(node: ast.stmt) -> bool:
    """`super().__init__(...)`, `super().build(...)`, or their old form."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    func = node.value.func
    if not isinstance(func, ast.Attribute) or func.attr not in ("__init__", "build"):
        return False
    inner = func.value
    return isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "super"


def check_handed_on(own: OwnClass) -> None:
    """Keras's constructor may get a name; `trainable=False` and the like would be lost. Raises Refusal."""
    constructor, known = own.method("__init__"), takes(own.parent) if own.parent is not None else set()
    same = class_attribute(own.cls, "__init__")
    instances = [i for i in own.instances if class_attribute(i.cls, "__init__") is same]
    if constructor is None:
        if own.parent is None:
            _check_all(((n, v) for i in instances for n, v in i.keywords.items()), own.node)
        return
    arguments = constructor.args
    parameters = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    for call in _constructions(constructor):
        if call.args and own.parent is None:
            raise Refusal("K2T189", "positional arguments of Keras's constructor", call)
        if any(isinstance(a, ast.Starred) for a in call.args):
            raise Refusal("K2T189", "arguments that are unpacked for another constructor", call)
        for keyword in call.keywords:
            handed = _handed(own, keyword, instances, parameters)
            _check_all(((n, v) for n, v in handed if n not in known), keyword.value)


def forwards(own: OwnClass) -> bool:
    """Whether `**kwargs` of a constructor may hold what the constructor above it takes."""
    constructor = own.method("__init__")
    if constructor is None or constructor.args.kwarg is None or own.parent is None:
        return False
    for call in _constructions(constructor):
        if any(k.arg is None for k in call.keywords):
            taken = {k.arg for k in call.keywords} | {a.arg for a in own.parent.parameters()[: len(call.args)]}
            return forwards(own.parent) or any(a.arg not in taken for a in own.parent.parameters())
    return False


def takes(own: OwnClass) -> set[str]:
    """The names that a construction may give, those that `**kwargs` hands on among them."""
    names = {a.arg for a in own.parameters()}
    return names | takes(own.parent) if own.parent is not None and forwards(own) else names


def check_overrides(own: OwnClass, attributes: Mapping[str, Kind]) -> None:
    """What a class changes below methods that it inherits, which were written for what is above. Raises Refusal."""
    above, stored = own.parent, _stored(own)
    while above is not None:
        for method in above.node.body:
            if not isinstance(method, ast.FunctionDef) or method.name == "__init__" or method.name in DROPPED:
                continue
            early = method.name == "build"  # which runs in the constructor by now, before the rest of this one
            for name in sorted(_read(method) & stored):
                known, kind = above.attributes.get(name, UNSURE), attributes.get(name, UNSURE)
                plain = kind.what not in ("module", "list", "unknown", "function") and known.what == kind.what
                if early or not (plain or (known == kind and kind.what == "module")):
                    raise Refusal("K2T189", f"self.{name} is read by {method.name} of {above.node.name}", own.node)
        if (build := own.method("build")) is not None and above.method("build") is not None and not _calls_build(build):
            raise Refusal("K2T189", f"a build in place of the one of {above.node.name}", build)
        above = above.parent


def _calls_build(build: ast.FunctionDef) -> bool:
    return any(is_super(s) for s in build.body)


def _stored(own: OwnClass) -> set[str]:
    nodes = [n for f in map(own.method, ("__init__", "build")) if f is not None for n in ast.walk(f)]
    return {n.attr for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}


def _read(method: ast.FunctionDef) -> set[str]:
    nodes = [n for n in ast.walk(method) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load)]
    return {n.attr for n in nodes if isinstance(n.value, ast.Name)}


def _constructions(constructor: ast.FunctionDef) -> Iterator[ast.Call]:
    for statement in ast.walk(constructor):
        call = statement.value if isinstance(statement, ast.Expr) and is_super(statement) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "__init__":
            yield call


def _handed(
    own: OwnClass, keyword: ast.keyword, instances: list[Instance], parameters: set[str]
) -> Iterator[tuple[str, object]]:
    """What Keras's constructor is given by one keyword: its name and value, for each object."""
    if keyword.arg is None:
        for instance in instances:
            yield from ((n, v) for n, v in instance.keywords.items() if n not in parameters)
    elif isinstance(keyword.value, ast.Constant):
        yield keyword.arg, keyword.value.value
    elif isinstance(keyword.value, ast.Name) and keyword.value.id in parameters and instances:
        for instance in instances:
            yield keyword.arg, own.arguments(instance).get(keyword.value.id, UNKNOWN)
    else:
        yield keyword.arg, UNKNOWN


def _check_all(handed: Iterable[tuple[str, object]], node: ast.AST) -> None:
    for name, value in handed:
        given = value.path.removeprefix("tf.") if isinstance(value, Ref) else value
        if name not in _HARMLESS and (name not in _USUAL or given not in _USUAL[name]):
            raise Refusal("K2T189", f"{name} is handed on to Keras's constructor", node)
