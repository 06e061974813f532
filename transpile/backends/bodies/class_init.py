"""The constructors of the user's classes with layers: what they make becomes modules."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from transpile.backends.bodies.build_shapes import only_checks
from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.chosen import TAKEN, activation, is_taken, unknown_name
from transpile.backends.bodies.class_arguments import bound, read_in_rules
from transpile.backends.bodies.class_bases import forwards, is_super
from transpile.backends.bodies.forward import ForwardBody
from transpile.backends.bodies.kinds import NUMBER, UNSURE, Kind, joined
from transpile.backends.bodies.method_calls import methods_of
from transpile.backends.bodies.modules import Module, NoModule, is_trained
from transpile.backends.bodies.own import OwnClass
from transpile.backends.bodies.own_step import STEPS, StepBody, own_of, tracker
from transpile.backends.bodies.walker import Env, Value
from transpile.backends.bodies.weights import weight
from transpile.interpret.chosen import ACTIVATION, RULE_GETTERS
from transpile.interpret.model_layers import leaves
from transpile.ir import Edit, Shape

if TYPE_CHECKING:
    from transpile.backends.bodies.classes import Classes

_SKIPPED = frozenset("supports_masking built input_spec _name".split())


class Making:
    """The constructor of one class: its layers become modules."""

    def __init__(self, classes: Classes, own: OwnClass, wrapped: bool) -> None:
        self.classes, self.own = classes, own
        self.references = classes.references
        inside = set(ast.walk(own.node))
        self.paths: dict[ast.AST, str] = {n: p for n, p in classes.every.items() if n in inside}
        self.body = self._body()
        self.body.wrapped = wrapped
        self.body.attributes = dict(own.parent.attributes) if own.parent is not None else {}
        self.body.parent, self.body.methods = own.parent, methods_of(own)
        self.edits: list[Edit] = []
        self.notes: list[tuple[str, str, int]] = []
        self.inits: list[tuple[str, list[str]]] = []
        self.penalties: list[tuple[str, str, str]] = []  # on weights: kind, factor, tensor
        self.making = False  # inside the constructor or build
        self.build_shape: Shape | None = None
        self.build_name = ""
        for statement in self.references.tree.body:
            if isinstance(statement, ast.FunctionDef):
                self.body.module.names[statement.name] = Kind("function", node=statement)
        own.models_inside = []

    def _body(self) -> ForwardBody:
        own, interpreter = self.own, self.classes.interpreter
        if not any(own.method(name) for name in STEPS):
            return ForwardBody(self.references, self.paths, (self.constructed,))
        own.steps = own_of(interpreter, own)
        return StepBody(self.references, self.paths, interpreter, own.steps, own, (self.constructed,))

    def replace(self, node: ast.AST, text: str) -> None:
        """Writes something in place of a node."""
        self.edits.append(Edit(self.references.start(node), self.references.end(node), text))

    def constructor(self, node: ast.FunctionDef) -> None:
        body = self.body
        body.owner = node.args.args[0].arg if node.args.args else "self"
        body.edits, body.returned = [], []
        numbers = {a.arg: NUMBER for a in node.args.args[1:]} if self.own.is_schedule else {}
        env = Env(body.parameters(node, numbers), body.module)
        self._drop_kwargs(node)
        for statement in node.body:
            self.statement_of(statement, env)
        self.edits += body.edits

    def _drop_kwargs(self, node: ast.FunctionDef) -> None:
        """`**kwargs` (and `name=None`) that go to Keras's constructor only."""
        used = {n.id for s in node.body if not is_super(s) for n in ast.walk(s) if isinstance(n, ast.Name)}
        kwarg = node.args.kwarg
        gone = [kwarg] if kwarg is not None and kwarg.arg not in used and not forwards(self.own) else []
        if kwarg is not None and kwarg.arg in used:
            raise Refusal("K2T189", f"**{kwarg.arg} is used in the constructor", node)
        passed = [a for a in self.own.parameters() if a.arg in ("name", "dtype", "trainable") and a.arg not in used]
        rules = read_in_rules(self.own, [s for s in node.body if is_taken(self, s, RULE_GETTERS)])
        gone += [a for a in self.own.parameters() if a in passed or a.arg in rules]
        self.own.dropped |= {a.arg for a in gone}
        code = "K2T320" if self.own.made else "K2T206"
        for argument in (a for a in gone if a.arg in rules):
            message = f"the {argument.arg} of {self.own.node.name} decided what was written: it takes none any more"
            self.notes.append((code, message, self.references.start(argument)))
        self.without(node, gone)

    def without(self, node: ast.FunctionDef, gone: list[ast.arg]) -> None:
        """The signature without some parameters."""
        if not gone:
            return
        for argument in gone:
            start, end = self._argument_span(node, argument)
            before = self.references.data[:start].rstrip()
            if before.endswith(b"**"):
                before = before[:-2].rstrip()
            if before.endswith(b","):
                start = len(before) - 1
            self.edits.append(Edit(start, end, ""))

    def _argument_span(self, node: ast.FunctionDef, argument: ast.arg) -> tuple[int, int]:
        start, end = self.references.start(argument), self.references.end(argument)
        args = [*node.args.posonlyargs, *node.args.args]
        defaults = dict(zip([a.arg for a in args][::-1], node.args.defaults[::-1]))
        defaults |= {a.arg: d for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults) if d is not None}
        if argument.arg in defaults and argument is not node.args.kwarg:
            end = self.references.end(defaults[argument.arg])
        return start, end

    def statement_of(self, node: ast.stmt, env: Env) -> None:
        """One statement of the constructor or of build."""
        if is_super(node):
            text = self._super(node, env) if not self.build_name and not self.own.is_schedule else ""
            self.body.edits.append(Edit(self.references.start(node), self.references.end(node), text))
            return
        if only_checks(node, self.build_name):
            self.body.edits.append(Edit(self.references.start(node), self.references.end(node), ""))
            return
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "attr", "") == "trainable":
            raise Refusal("K2T189", "it sets trainable", node)
        if isinstance(node, ast.Assign) and attribute_of(node.targets[0]) in _SKIPPED:
            self.body.edits.append(Edit(self.references.start(node), self.references.end(node), ""))
            return
        if is_taken(self, node):
            self._take(node)
            return
        if self.own.steps is not None and self._is_object(node):
            self.body.edits.append(Edit(self.references.start(node), self.references.end(node), ""))
            return
        starts = [n for n in ast.walk(node) if isinstance(n, ast.Call) and self._is_model(n)]
        if starts and isinstance(node, ast.Assign):
            self._inner_model(node, starts)
            return
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and attribute_of(node.targets[0]):
            self._attribute(node, env)
            return
        if isinstance(node, ast.For | ast.If | ast.With):
            self._compound(node, env)
            return
        self.body.statement(node, env)

    def _super(self, node: ast.stmt, env: Env) -> str:
        """The constructor above, with what it still takes."""
        call = node.value if isinstance(node, ast.Expr) else None
        if self.own.parent is None or not isinstance(call, ast.Call):
            return "super().__init__()"

        def code(part: ast.expr) -> str:
            return self.body.text(part, self.body.visit(part, env))

        above = self.own.parent
        known = {a.arg for a in above.parameters()}
        first, named = bound(above, call.args, {k.arg: k.value for k in call.keywords if k.arg in known})
        parts = [*(code(a) for a in first), *(f"{n}={code(v)}" for n, v in named.items())]
        if forwards(self.own):
            parts += [f"**{code(k.value)}" for k in call.keywords if k.arg is None]
        return f"super().__init__({', '.join(parts)})"

    def _take(self, node: ast.stmt) -> None:
        """Something that layers and weights are given: it goes with them."""
        assert isinstance(node, ast.Assign)
        name = attribute_of(node.targets[0])
        if not name or len(node.targets) > 1:
            raise Refusal("K2T185", "an initializer, regularizer or constraint in a variable", node)
        self.body.attributes[name] = TAKEN
        if name == "activity_regularizer" and any(i.attributes.get(name) is not None for i in self.own.instances):
            raise Refusal("K2T189", "an activity_regularizer of a class of your own", node)
        self.body.edits.append(Edit(self.references.start(node), self.references.end(node), ""))

    def _is_object(self, node: ast.stmt) -> bool:
        """`self.loss_fn = keras.losses.MeanSquaredError()`: a step says what it computes."""
        call = node.value if isinstance(node, ast.Assign) else None
        return isinstance(call, ast.Call) and self.paths.get(call.func, "").startswith("keras.losses.")

    def _compound(self, node: ast.For | ast.If | ast.With, env: Env) -> None:
        """A loop or branch around layers."""
        if isinstance(node, ast.For):
            source = self.body.visit_iterable(node.iter, env)
            self.body.edits += source.edits
            self.body.bind(node.target, UNSURE, env)
        elif isinstance(node, ast.If):
            self.body.value(node.test, env)
        for statement in (*node.body, *getattr(node, "orelse", [])):
            self.statement_of(statement, env)

    def _is_model(self, node: ast.Call) -> bool:
        start = self.references.start(node)
        models = self.classes.modules.models.get(start, [])
        return bool(models) and any(m.style in ("sequential", "functional") for m in models)

    def _inner_model(self, node: ast.Assign, calls: list[ast.Call]) -> None:
        """A Sequential or functional model that is converted by itself."""
        start = self.references.start(calls[0])
        name = attribute_of(node.targets[0])
        model = self.classes.modules.models[start][0]
        shapes = [t.shape for t in model.outputs]
        shape = shapes[0] if len(shapes) == 1 and len(self.classes.modules.models[start]) == 1 else None
        mode = any(x.kind != "Activation" and is_trained(x.op, x.args) for x in leaves(model))
        module = Module(shape=shape, outputs=len(shapes) or 1, mode=mode, layout="keras")
        if name:
            self.body.attributes[name] = Kind("module", node=module)
        self.own.models_inside.append(start)

    def _attribute(self, node: ast.Assign, env: Env) -> None:
        """`self.x = ...`: a module, a list of them, a weight, or anything else."""
        name = attribute_of(node.targets[0])
        value = self.body.visit(node.value, env)
        kind = value.kind
        if kind.what == "module" and isinstance(kind.node, Module) and not kind.node.text and kind.node.own is None:
            self.body.edits.append(Edit(self.references.start(node), self.references.end(node), ""))
        elif kind.what == "list" and (item := self._item(kind)) is not None:
            text = self.body.text(node.value, value)
            start, end = self.references.start(node.value), self.references.end(node.value)
            self.body.edits.append(Edit(start, end, f"nn.ModuleList({text})"))
            self._initialize(f"self.{name}", item, node, listed=True)
            kind = Kind("list", items=kind.items, item=item)
        else:
            self.body.edits += value.edits
        if kind.what == "module":
            self._initialize(f"self.{name}", kind, node)
            self._check_chosen(name, kind, node)
        known = self.body.attributes.get(name)
        self.body.attributes[name] = joined(known, kind) if known is not None else kind

    def _check_chosen(self, name: str, kind: Kind, node: ast.stmt) -> None:
        """Names of activations that nothing stands for."""
        if isinstance(kind.node, Module) and kind.node.chosen:
            unknown = [unknown_name(i.attributes.get(name)) for i in self.own.instances]
            if any(unknown):
                raise Refusal("K2T106", f"the activation {''.join(unknown)} is not supported here", node)

    def _item(self, kind: Kind) -> Kind | None:
        """The module that a list holds; an empty list may be filled later."""
        items = [kind.item] if kind.item is not None else list(kind.items or ())
        if not items or any(i is None or i.what != "module" for i in items):
            return None
        nodes = tuple(dict.fromkeys(i.node for i in items if i is not None))
        if any(isinstance(n, Module) and not n.text and n.own is None for n in nodes):
            raise Refusal("K2T187", "a list with layers that are functions in PyTorch", self.own.node)
        return Kind("module", node=nodes[0] if len(nodes) == 1 else nodes)

    def _initialize(self, target: str, kind: Kind, node: ast.stmt | None, listed: bool = False) -> None:
        """The initial values of a module, which is made at `node` or, of a list, all over the constructor."""
        nodes = kind.node if isinstance(kind.node, tuple) else (kind.node,)
        for module in nodes:
            if not isinstance(module, Module):
                continue
            self.notes += [(c, m, module.start) for c, m in module.notes]
            if module.penalties:
                self._penalise(target, module, node if not listed else None)
            if not module.inits or (listed and len(nodes) > 1):
                continue
            if listed:
                lines = [f"for layer in {target}:"]
                lines += ["    " + line.replace("{module}", "layer") for line in module.inits]
            else:
                lines = [line.replace("{module}", target) for line in module.inits]
            self.initialized(target, lines, node)

    def initialized(self, target: str, lines: list[str], node: ast.AST | None) -> None:
        """Initial values: at the end of the constructor, or at once for what is only made in a branch."""
        statement = node if node is None or isinstance(node, ast.stmt) else self.references.statement(node)
        if statement is None or isinstance(self.references.parents.get(statement), ast.FunctionDef):
            self.inits.append((target, lines))
            return
        end, indent = self.references.end(statement), " " * statement.col_offset
        self.body.edits.append(Edit(end, end, "".join(f"\n{indent}{line}" for line in lines)))

    def _penalise(self, target: str, module: Module, node: ast.AST | None) -> None:
        """Notes the penalties on a module's weights."""
        self.check_always(node)
        if any(kind == "orthogonality" for kind, _, _ in module.penalties):
            self.body.helpers.append("orthogonality")
        self.penalties += [(k, f, tensor.replace("{module}", target)) for k, f, tensor in module.penalties]

    def check_always(self, node: ast.AST | None) -> None:
        """A penalty is added up for what every object has."""
        statement = node if node is None or isinstance(node, ast.stmt) else self.references.statement(node)
        if statement is None or not isinstance(self.references.parents.get(statement), ast.FunctionDef):
            raise Refusal("K2T188", "a regularizer of what is made in a list or a branch", node or self.own.node)

    def constructed(self, walker: object, node: ast.Call, env: Env) -> Value | None:
        """The hook for constructions: layers, objects of the user's classes, weights."""
        path = self.paths.get(node.func, "")
        body = self.body
        if path.startswith("keras.layers."):
            if not self.making:
                raise Refusal("K2T187", "a layer that is made at each call", node)
            try:
                module = self.classes.modules.made(self.references.start(node))
            except NoModule as error:
                raise Refusal(error.code, str(error), node) from None
            return body._whole(node, module.text or "None", Kind("module", node=module))
        if path == ACTIVATION and self.making:
            return activation(self, node, env)
        if self.own.steps is not None and self.making and path.startswith("keras.metrics."):
            return tracker(body, node, path)
        if isinstance(node.func, ast.Name) and node.func.id in self.classes.own:
            return self._object(node, self.classes.own[node.func.id], env)
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("add_weight", "add_variable"):
            return weight(self, node, env)
        if self.making and isinstance(node.func, ast.Attribute) and node.func.attr == "append":
            return self._append(node, env)
        if isinstance(node.func, ast.Name) and any(node.func.id == n for n in self.classes.problems):
            raise Refusal("K2T189", f"the class {node.func.id} was left", node)
        return None

    def _object(self, node: ast.Call, own: OwnClass, env: Env) -> Value:
        start = self.references.start(node)
        layers = self.classes.modules.layers.get(start, [])
        shapes = {id(t): t.shape for layer in layers for a in layer.applications for t in a.outputs[:1]}
        shape = next(iter(shapes.values())) if len(shapes) == 1 else None

        def code(part: ast.expr) -> str:
            return self.body.text(part, self.body.visit(part, env))

        text = self.classes.construction(own, node, code)
        module = Module(text, own=own, shape=shape, layout="any", start=start)
        return self.body._whole(node, text, Kind("module", node=module))

    def _append(self, node: ast.Call, env: Env) -> Value | None:
        """`self.blocks.append(Block(8))`: the list becomes an nn.ModuleList."""
        func = node.func
        assert isinstance(func, ast.Attribute)
        name = attribute_of(func.value)
        if not name or len(node.args) != 1:
            return None
        value = self.body.visit(node.args[0], env)
        if value.kind.what != "module":
            return None
        before = self.body.attributes.get(name)
        if self.own.parent is not None and name in self.own.parent.attributes:
            raise Refusal("K2T189", f"self.{name} of {self.own.parent.node.name} is filled with layers", node)
        previous = before.item if before is not None and before.what == "list" else None
        nodes = previous.node if previous is not None and isinstance(previous.node, tuple) else ()
        nodes = nodes or ((previous.node,) if previous is not None and previous.node is not None else ())
        both = tuple(dict.fromkeys([*nodes, value.kind.node]))
        item = Kind("module", node=both[0] if len(both) == 1 else both)
        if previous is None:
            self._make_list(name)
        self.body.attributes[name] = Kind("list", item=item)
        self._initialize(f"self.{name}", item, None, listed=True)
        return value

    def _make_list(self, name: str) -> None:
        """`self.blocks = []` as nn.ModuleList()."""
        for statement in ast.walk(self.own.node):
            if isinstance(statement, ast.Assign) and attribute_of(statement.targets[0]) == name:
                empty = isinstance(statement.value, ast.List) and not statement.value.elts
                if empty or self.references.code(statement.value) == "list()":
                    self.replace(statement.value, "nn.ModuleList()")
                    return
        raise Refusal("K2T187", f"self.{name} is filled with layers, but made elsewhere", self.own.node)


def attribute_of(node: ast.expr) -> str:
    """`x` of `self.x`."""
    named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    return node.attr if named and isinstance(node, ast.Attribute) else ""
