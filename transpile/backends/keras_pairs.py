"""What the verifier must know of each model that became Keras."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence

from transpile.backends.keras_classes import ModuleClass
from transpile.backends.keras_trainings import ScriptTraining
from transpile.frontends.torch_module_calls import placed
from transpile.references import References
from transpile.result import InputInfo, ModelPair, TrainingInfo
from transpile.torch_values import Tensor


def pairs_of(
    references: References, classes: Sequence[ModuleClass], trainings: Sequence[ScriptTraining] = ()
) -> tuple[ModelPair, ...]:
    """One pair per converted class that an expression of the file makes, in the order of the file.

    A model that the module trains is compared as the variable that holds it, with its training.
    """
    pairs = []
    for module in classes:
        if not module.converted or module.inner or module.info is None:
            continue
        inputs = _inputs(module)
        expression = next(_expressions(references, module), "")
        training = next((t for t in trainings if t.made.startswith(f"{module.name}(")), None)
        if inputs and training is not None:
            info = TrainingInfo(training.criterion, training.optimizer)
            pairs.append(ModelPair(training.model, training.model, inputs, (), (), (), info))
        elif inputs and expression:
            pairs.append(ModelPair(expression, expression, inputs, (), (), ()))
    return (*pairs, *_chains(references, trainings))


def _chains(references: References, trainings: Sequence[ScriptTraining]) -> Iterator[ModelPair]:
    """The variables of the module that hold an nn.Sequential."""
    paths = {id(r.node): r.path for r in references.references}
    for node in references.tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                made = placed(value)
            case _:
                continue
        if not isinstance(made, ast.Call) or paths.get(id(made.func)) != "torch.nn.Sequential":
            continue
        first = next(
            (paths.get(id(n.func), "") for n in ast.walk(made) if isinstance(n, ast.Call) and n is not made), ""
        )
        inputs = (InputInfo("x", None, "int32" if first == "torch.nn.Embedding" else "float32"),)
        training = next((t for t in trainings if t.model == name), None)
        info = None if training is None else TrainingInfo(training.criterion, training.optimizer)
        yield ModelPair(name, name, inputs, (), (), (), info)


def _inputs(module: ModuleClass) -> tuple[InputInfo, ...]:
    """The required arguments of `forward`; sizes are found by trying."""
    assert module.info is not None
    forward = module.info.method("forward")
    if forward is None:
        return (InputInfo("x", None, "float32"),) if module.info.kind == "sequential" else ()
    found = []
    for arg in forward.parameters:
        if arg.arg in forward.defaults:
            continue
        value = forward.seen(arg.arg)
        if not isinstance(value, Tensor):
            return ()
        rank = value.rank.value
        shape = None if rank is None else (None,) * rank
        dtype = "int32" if value.rank.index else "float32"
        found.append(InputInfo(arg.arg, shape, dtype))
    return tuple(found)


def _expressions(references: References, module: ModuleClass) -> Iterator[str]:
    """Calls that make the model and can be evaluated at the level of the module."""
    names = _module_names(references)
    calls = []
    for name, _ in references.reads:
        parent = references.parents.get(name)
        if name.id == module.name and isinstance(parent, ast.Call) and parent.func is name:
            calls.append(parent)
    for call in calls:
        maker = _maker(references, call)
        if maker:
            yield maker
        given = [*call.args, *(k.value for k in call.keywords)]
        used = {n.id for g in given for n in ast.walk(g) if isinstance(n, ast.Name)}
        starred = any(isinstance(g, ast.Starred) for g in given) or any(k.arg is None for k in call.keywords)
        if used <= names and not starred:
            yield _changed_variable(references, call) or references.code(call)
        elif variables := _variables(references, call):  # what it is given is called otherwise in Keras
            yield min(variables)
    init = module.info.method("__init__") if module.info else None
    if init is None or all(a.arg in init.defaults for a in init.parameters):
        yield f"{module.name}()"


def _changed_variable(references: References, call: ast.Call) -> str:
    """The variable that holds the model, where `model.apply(...)` sets its initial values."""
    variables = _variables(references, call)
    for node in ast.walk(references.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="apply")) if name in variables:
                return name
    return ""


def _variables(references: References, call: ast.Call) -> set[str]:
    """The variables of the module that are given the model which a call makes."""
    return {
        node.targets[0].id
        for node in references.tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and placed(node.value) is call
    }


def _maker(references: References, call: ast.Call) -> str:
    """`resnet18()` for `def resnet18(): return ResNet(...)`."""
    around = [a for a in references.around(call) if isinstance(a, ast.FunctionDef)]
    if len(around) != 1 or around[0] not in references.tree.body:
        return ""
    function = around[0]
    args = function.args
    required = len(args.posonlyargs) + len(args.args) - len(args.defaults)
    returned = isinstance(references.parents.get(call), ast.Return)
    return f"{function.name}()" if returned and not required and not args.kwonlyargs else ""


def _module_names(references: References) -> set[str]:
    """Names that are bound at the level of the module, by a plain statement."""
    found: set[str] = set()
    for node in references.tree.body:
        if isinstance(node, ast.Assign):
            found |= {n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
    return found | set(dir(builtins))
