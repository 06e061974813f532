"""LightningModules whose Trainer does what `compile` and `fit` do, and why others are not such ones.

A file is read as a whole: the classes go only if every use of their Trainers is known.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from transpile.frontends.torch_kind_tables import LIGHTNING_MODULES
from transpile.frontends.torch_lightning_steps import ACCURACIES, Meaning, Otherwise, StepReader
from transpile.frontends.torch_lightning_trainers import Trainers
from transpile.references import References

_STEPS = ("training_step", "validation_step", "test_step")
_OTHER_HOOKS = frozenset(
    "train_dataloader val_dataloader test_dataloader predict_dataloader prepare_data setup teardown predict_step "
    "training_epoch_end validation_epoch_end test_epoch_end training_step_end validation_step_end optimizer_step "
    "optimizer_zero_grad backward manual_backward lr_scheduler_step configure_callbacks configure_model "
    "configure_gradient_clipping transfer_batch_to_device".split()
)


@dataclass(eq=False)
class Lightning:
    """One class. `gone`: methods and statements that `compile` and `fit` stand for; `kept`: settings to keep."""

    node: ast.ClassDef
    problem: str = ""
    at: ast.AST | None = None
    loss: ast.Call | None = None
    optimizer: ast.Call | None = None
    scheduler: ast.Call | None = None
    per_batch: bool = False
    monitor: ast.expr | None = None
    accurate: bool = False
    validates: bool = False
    logged: dict[str, str] = field(default_factory=dict)
    gone: list[ast.stmt] = field(default_factory=list)
    kept: dict[ast.stmt, list[str]] = field(default_factory=dict)


def read_lightning(references: References, is_loss: Callable[[str], bool]) -> dict[str, Lightning]:
    """The classes by name, each with what its Trainer does or with why it stays."""
    paths = {id(r.node): r.path for r in references.references}
    found = {
        node.name: _Reader(references, paths, node, is_loss).read()
        for node in references.tree.body
        if isinstance(node, ast.ClassDef) and any(paths.get(id(b)) in LIGHTNING_MODULES for b in node.bases)
    }
    if not found:
        return found
    problem, at = Trainers(references, paths).problem()
    if any(c.problem for c in found.values()) and not problem:
        other = next(c for c in found.values() if c.problem)
        problem, at = f"{other.node.name} stays", None
    for info in found.values():
        if problem and not info.problem:
            info.problem, info.at = problem, at
    return found


class _Reader:
    """Reads one class."""

    def __init__(
        self, references: References, paths: dict[int, str], node: ast.ClassDef, is_loss: Callable[[str], bool]
    ) -> None:
        self.references, self.paths, self.is_loss = references, paths, is_loss
        self.info = Lightning(node)
        self.methods = {s.name: s for s in node.body if isinstance(s, ast.FunctionDef)}
        self.attributes = dict(self._attributes())

    def path(self, node: ast.AST) -> str:
        return self.paths.get(id(node), "")

    def _attributes(self) -> Iterator[tuple[str, ast.expr]]:
        made = self.methods.get("__init__")
        for node in ast.walk(made) if made else ():
            match node:
                case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=attr)], value=value):
                    yield attr, value

    def read(self) -> Lightning:
        """The class, or why it stays."""
        try:
            self._read()
        except Otherwise as otherwise:
            node = otherwise.node
            self.info.problem = f"{self.references.code(node).splitlines()[0]} is more than fit does"
            self.info.at = node
        return self.info

    def _read(self) -> None:
        info = self.info
        for needed in ("forward", "training_step", "configure_optimizers"):
            if needed not in self.methods:
                info.problem = f"it has no {needed}"
                return
        for name, method in self.methods.items():
            if name in _OTHER_HOOKS or name.startswith("on_") or (name in _STEPS and method.decorator_list):
                raise Otherwise(method)
        steps = StepReader(self.path, self.methods, self.attributes, self._inner(), self.is_loss)
        found = {name: steps.step(name) for name in _STEPS if name in self.methods}
        trained = found["training_step"]
        if trained.name != "loss" or not isinstance(trained.node, ast.Call):
            raise Otherwise(self.methods["training_step"])
        info.loss, info.accurate, info.logged = trained.node, steps.accurate, steps.logged
        info.validates = "validation_step" in found
        self._same_losses(found, trained)
        self._optimizer()
        self._gone(steps.followed)

    def _inner(self) -> str:
        """`model` where forward is `return self.model(x)` and nothing else."""
        body = [s for s in self.methods["forward"].body if not isinstance(s, ast.Expr)]
        match body:
            case [
                ast.Return(value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=attr), args=[ast.Name()]))
            ]:
                return attr
        return ""

    def _same_losses(self, found: dict[str, Meaning], trained: Meaning) -> None:
        """All steps have the loss of the training: Keras has one for all."""
        assert isinstance(trained.node, ast.Call)
        wanted = self._spelled(trained.node)
        for name in found:
            for node in ast.walk(self.methods[name]):
                other = isinstance(node, ast.Call) and self.is_loss(self.path(node.func)) and node is not trained.node
                if other and self._spelled(node) != wanted:  # type: ignore[arg-type]
                    raise Otherwise(node)

    def _spelled(self, call: ast.Call) -> tuple[str, ...]:
        functional = self.path(call.func).startswith("torch.nn.functional.")
        rest = call.args[2:] if functional else call.args
        return self.path(call.func), *map(ast.dump, (*rest, *call.keywords))

    # The optimizer

    def _optimizer(self) -> None:
        method = self.methods["configure_optimizers"]
        env: dict[str, ast.expr] = {}
        for statement in method.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    env[name] = value
                case ast.Return(value=value) if value is not None:
                    self._returned(value, env)
                    return
                case ast.Expr(value=ast.Constant()):
                    pass
                case _:
                    raise Otherwise(statement)
        raise Otherwise(method)

    def _returned(self, value: ast.expr, env: dict[str, ast.expr]) -> None:
        match value:
            case ast.Name(id=name) if name in env:
                return self._returned(env[name], env)
            case ast.List(elts=[one]):
                return self._returned(one, env)
            case ast.Tuple(elts=[ast.List(elts=[one]), ast.List(elts=[schedule])]):
                self._returned(one, env)
                return self._scheduler(schedule, env)
            case ast.Dict(keys=keys, values=values):
                parts = {k.value: v for k, v in zip(keys, values) if isinstance(k, ast.Constant)}
                if len(parts) == len(keys) and set(parts) <= {"optimizer", "lr_scheduler", "monitor"}:
                    self._returned(parts["optimizer"], env)
                    self.info.monitor = parts.get("monitor")
                    return self._scheduler(parts["lr_scheduler"], env) if "lr_scheduler" in parts else None
            case ast.Call(args=[parameters, *_]) if self.path(value.func).startswith("torch.optim."):
                whole = f"self.{self._inner()}.parameters()" if self._inner() else ""
                if ast.unparse(parameters) in ("self.parameters()", whole):
                    self.info.optimizer = value
                    return None
        raise Otherwise(value)

    def _scheduler(self, value: ast.expr, env: dict[str, ast.expr]) -> None:
        match value:
            case ast.Name(id=name) if name in env:
                return self._scheduler(env[name], env)
            case ast.Dict(keys=keys, values=values):
                parts = {k.value: v for k, v in zip(keys, values) if isinstance(k, ast.Constant)}
                known = {"scheduler", "interval", "monitor", "name", "frequency", "strict"}
                interval = parts.get("interval", ast.Constant(value="epoch"))
                frequency = ast.unparse(parts.get("frequency", ast.Constant(value=1)))
                constant = isinstance(interval, ast.Constant) and interval.value in ("epoch", "step")
                if len(parts) == len(keys) and set(parts) <= known and constant and frequency == "1":
                    self.info.per_batch = ast.unparse(interval) == "'step'"
                    self.info.monitor = parts.get("monitor", self.info.monitor)
                    return self._scheduler(parts["scheduler"], env)
            case ast.Call(args=[of, *_]) if ".lr_scheduler." in self.path(value.func):
                made = env.get(of.id) if isinstance(of, ast.Name) else of
                if made is self.info.optimizer:
                    self.info.scheduler = value
                    return None
        raise Otherwise(value)

    # What goes

    def _gone(self, followed: set[str]) -> None:
        info = self.info
        names = {*followed, "configure_optimizers"}
        info.gone += [self.methods[n] for n in names]
        read = self._read_outside(names)
        if used := names & read:
            raise Otherwise(self.methods[sorted(used)[0]])
        settings = self._settings()
        for node in ast.walk(self.methods["__init__"]) if "__init__" in self.methods else ():
            match node:
                case ast.Expr(
                    value=ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr="save_hyperparameters"))
                ):
                    info.gone.append(node)
                    info.kept[node] = [f"self.{n} = {n}" for n in settings if n not in self.attributes]
                case ast.Assign(targets=[ast.Attribute(attr=attr)], value=value) if attr not in read:
                    func = value.func if isinstance(value, ast.Call) else value
                    path = self.path(func)
                    if path in ACCURACIES or self.is_loss(path) or attr == "example_input_array":
                        info.gone.append(node)

    def _read_outside(self, names: set[str]) -> set[str]:
        """The attributes that are read in what stays."""
        stays = [m for n, m in self.methods.items() if n not in names]
        return {
            n.attr for m in stays for n in ast.walk(m) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load)
        }

    def _settings(self) -> list[str]:
        """The settings that `self.hparams` gives to the optimizer; elsewhere they are not read so."""
        found: set[str] = set()
        for name, method in self.methods.items():
            for node in ast.walk(method):
                if isinstance(node, ast.Attribute) and node.attr == "hparams":
                    parent = self.references.parents.get(node)
                    if name != "configure_optimizers" or not isinstance(parent, ast.Attribute):
                        raise Otherwise(node)
                    found.add(parent.attr)
        return sorted(found)
