"""The methods of a class with a training step of its own, and what its steps report."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.own_compiled import attribute, compiled_of
from transpile.backends.bodies.own_step import STEPS, Own, StepBody, data_kind
from transpile.backends.bodies.tape_losses import METRICS
from transpile.backends.bodies.tape_steps import parameters_of
from transpile.backends.bodies.walker import Env
from transpile.frontends.facts import Steps
from transpile.interpret.values import KerasObject
from transpile.ir import Edit

if TYPE_CHECKING:
    from transpile.backends.bodies.class_text import Methods

METHODS = frozenset({*STEPS, "compile", "metrics"})


def write_compile(methods: Methods, node: ast.FunctionDef) -> None:
    """`compile` keeps the optimizers; what a loss computes is said where it is called."""
    own, body = _steps(methods), methods.body
    body.owner = node.args.args[0].arg
    body.edits = []
    env = Env(body.parameters(node, {}), body.module)
    for statement in node.body:
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("super("):
            _above(methods, own, statement, call)
            continue
        name, value = _assigned(statement)
        given = own.given.get(value)
        if name and given is not None and isinstance(given.value, KerasObject):
            own.objects[name] = given.value
            own.sources[name] = value
            if given.value.path.startswith("keras.losses."):
                own.dropped.add(value)
                body.edits.append(Edit(methods.references.start(statement), methods.references.end(statement), ""))
            continue
        if name and given is not None and isinstance(given.value, str):
            own.objects[name], own.sources[name] = given.value, value
            continue
        body.statement(statement, env)
    gone = [a for a in node.args.args[1:] if a.arg in own.dropped]
    if node.args.kwarg is not None:
        if set(own.given) - {a.arg for a in node.args.args}:
            raise Refusal("K2T181", "more arguments of compile than its own", node)
        gone.append(node.args.kwarg)
    methods.without(node, gone)
    if _empty(methods, node):
        raise Refusal("K2T181", "a compile() that keeps nothing", node)
    methods.edits += body.edits


def _assigned(statement: ast.stmt) -> tuple[str, str]:
    """The attribute and the parameter of `self.loss_fn = loss_fn`."""
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name):
        target = statement.targets[0]
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
            return target.attr, statement.value.id
    return "", ""


def _above(methods: Methods, own: Own, statement: ast.stmt, call: ast.Call) -> None:
    """`super().compile(optimizer=optimizer)`: Keras keeps the optimizer."""
    text = ""
    for keyword in call.keywords:
        given = own.given.get(keyword.value.id) if isinstance(keyword.value, ast.Name) else None
        if keyword.arg is None or (isinstance(keyword.value, ast.Constant) and keyword.arg != "optimizer"):
            continue
        if keyword.arg == "optimizer" and given is not None and isinstance(keyword.value, ast.Name):
            own.objects["optimizer"], own.sources["optimizer"] = given.value, keyword.value.id
            text = f"self.optimizer = {keyword.value.id}"
        elif keyword.arg in ("metrics", "weighted_metrics") and (given is None or given.value in (None, [])):
            if isinstance(keyword.value, ast.Name):
                own.dropped.add(keyword.value.id)
        else:
            raise Refusal("K2T181", f"super().compile({keyword.arg}=...)", call)
    if call.args:
        raise Refusal("K2T181", "super().compile with arguments by position", call)
    methods.body.edits.append(Edit(methods.references.start(statement), methods.references.end(statement), text))


def _empty(methods: Methods, node: ast.FunctionDef) -> bool:
    gone = {e.start for e in methods.body.edits if not e.text}
    return all(methods.references.start(s) in gone for s in node.body)


def write_step(methods: Methods, node: ast.FunctionDef) -> None:
    """`train_step` or `test_step`."""
    own, body = _steps(methods), methods.body
    assert isinstance(body, StepBody)
    if len(node.args.args) != 2:
        raise Refusal("K2T181", f"{node.name} with more than the data", node)
    body.owner, parameter = (a.arg for a in node.args.args)
    body.aliases = {}
    own.reports[node.name] = _report(methods, own, node)
    body.stepping = True
    try:
        edits, _ = body.function(node, body.module, {parameter: data_kind(own.fed)})
    finally:
        body.stepping = False
    methods.edits += edits
    if node.name == "test_step" and not any(body.paths.get(n) == "tf.GradientTape" for n in ast.walk(node)):
        at = methods.references.offset(node.lineno, node.col_offset)
        methods.edits.append(Edit(at, at, f"@torch.no_grad()\n{' ' * node.col_offset}"))


def _report(methods: Methods, own: Own, node: ast.FunctionDef) -> dict[str, ast.expr]:
    """What a step returns, by name."""
    returns = [n for n in ast.walk(node) if isinstance(n, ast.Return)]
    found: list[dict[str, ast.expr]] = []
    for statement in returns:
        value = statement.value
        if isinstance(value, ast.DictComp) and isinstance(value.generators[0].iter, ast.Attribute):
            found.append(_listed(methods, own, value))
        elif isinstance(value, ast.Dict) and all(
            isinstance(k, ast.Constant) and isinstance(k.value, str) for k in value.keys
        ):
            found.append({k.value: v for k, v in zip(value.keys, value.values)})  # type: ignore[union-attr]
        else:
            raise Refusal("K2T181", f"what {node.name} returns is not a dict that is written out", statement)
    if not found or any(list(f) != list(found[0]) for f in found):
        raise Refusal("K2T181", f"what {node.name} returns is not one dict", node)
    return found[0]


def _listed(methods: Methods, own: Own, node: ast.DictComp) -> dict[str, ast.expr]:
    """`{m.name: m.result() for m in self.metrics}`."""
    generator = node.generators[0]
    target = generator.target.id if isinstance(generator.target, ast.Name) else ""
    written = ast.unparse(node)
    if written != f"{{{target}.name: {target}.result() for {target} in self.metrics}}":
        raise Refusal("K2T181", "metrics that are gone through in another way", node)
    if methods.own.method("metrics") is None:
        assert isinstance(methods.body, StepBody)
        names = {attribute(name): name for name in compiled_of(methods.body, node).trackers}
        own.compiled.used = True  # type: ignore[union-attr]
    else:
        names = tracked(methods, own)
    text = ", ".join(f'"{name}": self.{attr}.result()' for attr, name in names.items())
    methods.replace(node, f"{{{text}}}")
    return {name: ast.parse(f"self.{attr}.result()", mode="eval").body for attr, name in names.items()}


def tracked(methods: Methods, own: Own) -> dict[str, str]:
    """The metrics that Keras resets before each pass: attribute and name, in order."""
    prop = methods.own.method("metrics")
    attributes = [n for n, v in own.objects.items() if _is_metric(v)]
    if prop is not None:
        returned = next((n.value for n in ast.walk(prop) if isinstance(n, ast.Return)), None)
        elements = returned.elts if isinstance(returned, ast.List) else []
        attributes = [e.attr for e in elements if isinstance(e, ast.Attribute)]
        if not elements or len(attributes) != len(elements) or len(prop.body) > 2:
            raise Refusal("K2T181", "a property metrics that is no plain list", prop)
    found: dict[str, str] = {}
    if prop is None and own.compiled is not None and own.compiled.used:
        found = {attribute(name): name for name in own.compiled.trackers}
    for attr in attributes:
        held = own.objects.get(attr)
        if not isinstance(held, KerasObject) or held.path.rpartition(".")[2] not in METRICS:
            raise Refusal("K2T181", f"the metric self.{attr}", methods.own.node)
        given = held.kwargs.get("name") or (held.args[0] if held.args else None)
        name = given.value if given is not None else None
        if not isinstance(name, str):
            raise Refusal("K2T181", f"the metric self.{attr} has no name", methods.own.node)
        found[attr] = name
    return found


def _is_metric(value: object) -> bool:
    return isinstance(value, KerasObject) and value.path.startswith("keras.metrics.")


def made_trackers(methods: Methods) -> list[str]:
    """The lines of the constructor for the metrics of `compile`, where a step reads them."""
    own = methods.own.steps
    if own is None or own.compiled is None or not own.compiled.used:
        return []
    for name, (kind, _) in own.compiled.trackers.items():
        if attribute(name) in own.objects:
            raise Refusal("K2T181", f"self.{attribute(name)} beside the metrics of Keras", methods.own.node)
        methods.body.helpers += ["Mean", kind]
    return [f"self.{attribute(name)} = {kind}()" for name, (kind, _) in own.compiled.trackers.items()]


def steps_of(methods: Methods) -> Steps:
    """What the training side must know, once all methods are written. Raises Refusal."""
    own, body = _steps(methods), methods.body
    assert isinstance(body, StepBody)
    if "train_step" not in own.reports:
        raise Refusal("K2T181", "a test_step without a train_step", methods.own.node)
    names = tracked(methods, own)
    overridden = methods.own.method("metrics") is not None
    silent = _checked(methods, own, names, overridden)
    listed = "{model}.metrics" if overridden else ", ".join(f"{{model}}.{a}" for a in names)
    parameters: dict[str, str] = {}
    for attr, source in own.sources.items():
        models = body.trained.get(f"self.{attr}")
        if models is not None:
            text = parameters_of(tuple(f"{{model}}{m.removeprefix('self')}" for m in models))
            if parameters.setdefault(source, text) != text:
                raise Refusal("K2T181", f"the optimizer {source} steps several models", methods.own.node)
        elif f"self.{attr}" not in body.used:
            raise Refusal("K2T181", f"self.{attr} is not used in the step", methods.own.node)
    left = {o for o in body.trained if o.removeprefix("self.") not in own.sources}
    if left:
        raise Refusal("K2T181", f"{left.pop()} is not given to compile", methods.own.node)
    trained, tested = tuple(own.reports["train_step"]), tuple(own.reports.get("test_step", ()))
    metrics = listed if overridden else f"[{listed}]" if listed else ""
    return Steps(
        trained, tested, "test_step" in own.reports, metrics, parameters, own.compiles is not None,
        frozenset(own.dropped), silent or (own.compiled is not None and own.compiled.noted),
    )  # fmt: skip


def _checked(methods: Methods, own: Own, names: dict[str, str], overridden: bool) -> bool:
    """Whether Keras reports its own loss, of 0, in place of what a step returns.

    It does so for steps that return exactly the names of the model's metrics.
    """
    known = set(names.values()) | (set() if overridden else {"loss"})
    silent = False
    for report in own.reports.values():
        if set(report) != known:
            continue
        for name, value in report.items():
            if ast.unparse(value) in {f"self.{a}.result()" for a, n in names.items() if n == name}:
                continue
            if name in names.values():
                raise Refusal("K2T181", f"Keras reports the metric {name} in place of what is returned", value)
            silent = True
    return silent


def _steps(methods: Methods) -> Own:
    assert methods.own.steps is not None
    return methods.own.steps
