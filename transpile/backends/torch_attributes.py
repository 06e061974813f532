"""What code outside of the models asks of them: layers, names, shapes, weights, trainable."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from transpile.backends.torch_layer_tests import Asked, only_sets_trainable, torch_class
from transpile.backends.torch_modules import Left, Modules, NoModule
from transpile.backends.torch_weight_uses import WeightUses
from transpile.backends.written_model import Converted
from transpile.frontends.freezing import Freezing
from transpile.frontends.sites import Sites
from transpile.interpret import attributes
from transpile.interpret.expressions import is_plain
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.model_layers import INNER, Counted
from transpile.interpret.record import AttributeUse
from transpile.interpret.values import InputSource, Layer, ModelValue
from transpile.ir import UNKNOWN, Span
from transpile.splice import Output

_WEIGHTS = ("weights", "trainable_weights", "trainable_variables", "non_trainable_weights")
_LITERALS = ("name", "output_shape", "input_shape")
# What a loop may do with a layer that has no parameters without the loop's missing it.
_ONLY_PARAMETERS = ("trainable",)


def write_attributes(
    interpreter: Interpreter, converted: Sequence[Converted], freezing: Freezing, output: Output
) -> None:
    """Edits every use of an attribute of a converted model or of one of its layers."""
    _Attributes(interpreter, converted, freezing, output).run()


class _Attributes(WeightUses):
    def __init__(
        self, interpreter: Interpreter, converted: Sequence[Converted], freezing: Freezing, output: Output
    ) -> None:
        self.interpreter, self.source, self.output = interpreter, interpreter.source, output
        self.sites = Sites(interpreter.source)
        self.modules = Modules(converted)
        self.freezing = freezing
        self.left: list[tuple[cst.CSTNode, str]] = []  # loops over layers, and their variables
        self.models = {id(v) for c in converted for v in c.values}
        layers = [x for c in converted for r in c.readings for x in r.layers.values()]
        self.layers = {id(y) for x in layers for y in (x, *(x.inside if isinstance(x, Layer) else ()))}

    def run(self) -> None:
        """Loops over layers first, then outer expressions: they contain what the inner ones become."""
        every = [*self.interpreter.attribute_uses.values(), *self._settings()]
        uses = [u for u in every if all(self._ours(t) for t in u.targets)]
        for use in sorted(uses, key=lambda u: (not self._is_list(u), -self._length(u))):
            span = self.source.span(use.node)
            if any(c.start <= span.start and span.end <= c.end for c in self.output.claimed):
                continue
            try:
                self._write(use)
            except Left as left:
                self.output.report(left.code, span, left.message)
            except NoModule as error:
                self.output.report("K2T178", span, f"{self.source.code(use.node)}: {error}")

    def _settings(self) -> list[AttributeUse]:
        """`layer.trainable = ...`: one use per statement."""
        found: dict[Span, AttributeUse] = {}
        for event in self.interpreter.events:
            node = event.call.func
            if event.kind != "trainable" or not isinstance(node, cst.Attribute):
                continue
            use = found.setdefault(self.source.span(node), AttributeUse(node))
            if isinstance(event.holder, Layer | ModelValue):
                use.targets.append(event.holder)
        return list(found.values())

    def _ours(self, target: object) -> bool:
        return id(target) in self.models or id(target) in self.layers

    def _length(self, use: AttributeUse) -> int:
        """Of the call, for a method."""
        parent = self.sites.parents.get(use.node)
        whole = parent if isinstance(parent, cst.Call) and parent.func is use.node else use.node
        span = self.source.span(whole)
        return span.end - span.start

    def _is_list(self, use: AttributeUse) -> bool:
        parent = self.sites.parents.get(use.node)
        picked = isinstance(parent, cst.Subscript) and isinstance(parent.slice[0].slice, cst.Index)
        return use.node.attr.value == "layers" and not picked

    def _write(self, use: AttributeUse) -> None:
        loops = self.sites.loops(use.node)
        if any(loop in loops and self.source.code(use.node.value) == name for loop, name in self.left):
            raise Left("K2T178", f"{self.source.code(use.node)}: the loop over the layers was left")
        name, parent = use.node.attr.value, self.sites.parents.get(use.node)
        called = parent if isinstance(parent, cst.Call) and parent.func is use.node else None
        if name == "trainable":
            self._trainable(use)
        elif name == "layers":
            self._layers(use)
        elif name in _LITERALS and called is None:
            self._literal(use)
        elif name == "get_layer" and called is not None:
            self._edit(called, self._module(called))
        elif name == "get_weights" and called is not None:
            self._get_weights(use, called)
        elif name == "set_weights" and called is not None:
            self._set_weights(use, called)
        elif name in _WEIGHTS and (length := self._length_of(use.node)) is not None:
            self._count_weights(use, length)

    def _length_of(self, node: cst.CSTNode) -> cst.Call | None:
        """`len(...)` around an expression."""
        arg = self.sites.parents.get(node)
        call = self.sites.parents.get(arg) if isinstance(arg, cst.Arg) else None
        return call if isinstance(call, cst.Call) and self.source.code(call.func) == "len" else None

    def _edit(self, node: cst.CSTNode, text: str) -> None:
        span = self.source.span(node)
        if any(e.start < span.end and span.start < e.end for e in self.output.edits):
            raise Left("K2T130", f"{self.source.code(node)} stands inside of code that was rewritten")
        self.output.edit(span, self.sites.quoted(node, text))

    # Modules

    def _module(self, node: cst.BaseExpression, targets: Sequence[Layer | ModelValue] = ()) -> str:
        """The text that gives the module for an expression that gave a layer. Raises NoModule."""
        match node:
            case cst.Subscript(value=cst.Attribute(value=owner, attr=cst.Name(value="layers"))):
                return self._picked(node, owner)
            case cst.Call(func=cst.Attribute(value=owner, attr=cst.Name(value="get_layer"))):
                return self._picked(node, owner)
        if not all(self._held(node, t) for t in targets):
            return self._constructed(targets)
        return self.source.code(node)

    def _picked(self, node: cst.BaseExpression, owner: cst.BaseExpression) -> str:
        """`model.layers[2]`, `model.get_layer("features")`."""
        model = self._model(owner)
        text = self._module(owner, [model])
        found = self.interpreter.picked.get(id(node), [])
        self._check_pretrained(found)
        texts = {self.modules.access(model, text, x) for x in found if isinstance(x, Layer | ModelValue | InputSource)}
        if len(texts) == 1 and len(found) == 1:
            return texts.pop()
        if isinstance(node, cst.Subscript) and self.modules.same_positions(model):
            return f"{text}[{self.source.code(node.slice[0])}]"
        raise NoModule("which layer it is is only known when the program runs")

    @staticmethod
    def _check_pretrained(chosen: Sequence[object]) -> None:
        """What a pretrained network stands for is asked for as a whole."""
        layers = [x for x in chosen if isinstance(x, Layer)]
        inner = [x for x in layers if x.path == INNER]
        whole = [x for part in layers for x in part.inside]
        if len(inner) != len(whole) or any(x not in inner for x in whole):
            raise NoModule("the layers inside of a pretrained network have other numbers in torchvision")

    def _model(self, owner: cst.BaseExpression) -> ModelValue:
        """The model that an expression gives, of which layers are asked."""
        for use in self.interpreter.attribute_uses.values():
            if use.node.value is owner and use.targets and isinstance(use.targets[0], ModelValue):
                if any(self.modules.of(t) is not self.modules.of(use.targets[0]) for t in use.targets
                       if isinstance(t, ModelValue)):  # fmt: skip
                    raise NoModule("it is asked of several models")
                return use.targets[0]
        raise NoModule("its model is not known")

    def _held(self, node: cst.BaseExpression, target: Layer | ModelValue) -> bool:
        """Whether the variable still holds the module: not where it was given a layer's constructor."""
        if isinstance(target, ModelValue) or target.call is None:
            return True
        made = self.sites.statement(target.call)
        text = self.source.code(node)
        return made is None or not any(
            isinstance(s, cst.Assign) and any(self.source.code(t.target) == text for t in s.targets) for s in made.body
        )

    def _constructed(self, targets: Sequence[Layer | ModelValue]) -> str:
        """A variable that held a layer: the layer is part of a model now."""
        layer = targets[0]
        model = self.modules.owner(layer) if isinstance(layer, Layer) and len(targets) == 1 else None
        if model is None or not model.variable:
            raise NoModule("the layer has no name of its own any more")
        assert isinstance(layer, Layer)
        return self.modules.access(model, model.variable, layer)

    # Layers

    def _layers(self, use: AttributeUse) -> None:
        parent = self.sites.parents.get(use.node)
        if isinstance(parent, cst.Subscript) and parent.value is use.node:
            if isinstance(parent.slice[0].slice, cst.Index):
                self._edit(parent, self._module(parent))
                return
            self._list(use, parent)
            return
        call = self._length_of(use.node)
        if call is not None:
            self._count(use, call)
            return
        self._list(use, use.node)

    def _count(self, use: AttributeUse, call: cst.Call) -> None:
        counts = {len(v) for v in self.interpreter.picked.get(id(use.node), []) if isinstance(v, list)}
        if len(counts) != 1:
            raise Left("K2T130", "how many layers Keras counts is not known here")
        self._edit(call, str(counts.pop()))

    def _list(self, use: AttributeUse, node: cst.BaseExpression) -> None:
        """`for layer in model.layers[:-4]`: the modules, where the loop only concerns parameters."""
        loop, name = self._loop(node)
        if loop is None:
            message = "a list of layers has no counterpart: what has no parameters is no module"
            raise Left("K2T178", message)
        self.left.append((loop, name))
        asked = Asked(name)
        loop.body.visit(asked)
        settings = [u for u in self._settings() if loop in self.sites.loops(u.node)]
        if only_sets_trainable(loop, name) and self.freezing.separate([t for u in settings for t in u.targets]):
            span = self._line_span(loop)
            self.output.edit(span, "")
            self.output.claimed.append(span)
        else:
            self._tests(node, asked.tests)
            self._edit(node, self._modules(use, node, set(asked.found) <= set(_ONLY_PARAMETERS)))
        self.left.pop()

    def _tests(self, node: cst.BaseExpression, tests: Sequence[cst.Call]) -> None:
        """`isinstance(layer, BatchNormalization)` in a loop over layers."""
        chosen = [x for v in self.interpreter.picked.get(id(node), []) if isinstance(v, list) for x in v]
        self._check_pretrained(chosen if tests else ())
        for test in tests:
            kind = test.args[1].value
            name = torch_class(self.interpreter.value_of(kind, self.interpreter.module), chosen)
            if not name:
                raise Left("K2T178", f"{self.source.code(test)}: which modules these are is not known")
            self._edit(kind, name)

    def _modules(self, use: AttributeUse, node: cst.BaseExpression, only_parameters: bool) -> str:
        model = self._model(use.node.value)
        values = self.interpreter.picked.get(id(node), [])
        if len(values) != 1 or not isinstance(values[0], list):
            raise NoModule("which layers they are is only known when the program runs")
        chosen: list[Counted] = values[0]
        if node is not use.node or not only_parameters:
            self._check_pretrained(chosen)
            chosen = [x for x in chosen if not isinstance(x, Layer) or x.path != INNER]
        text = self._module(use.node.value, [model])
        if only_parameters:
            if node is use.node:
                return f"{text}.children()"
            chosen = [x for x in chosen if self.modules.has(model, x) or self._has_weights(x)]
        texts = [self.modules.access(model, text, x) for x in chosen]
        return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"

    @staticmethod
    def _has_weights(layer: Counted) -> bool:
        if isinstance(layer, InputSource):
            return False
        return isinstance(layer, ModelValue) or layer.op is None or bool(layer.op.weights or layer.op.weights_of)

    def _loop(self, node: cst.CSTNode) -> tuple[cst.For | None, str]:
        """The loop over a list of layers, and its variable; also through `zip`."""
        arg = self.sites.parents.get(node)
        if isinstance(arg, cst.For) and isinstance(arg.target, cst.Name):
            return arg, arg.target.value
        call = self.sites.parents.get(arg) if isinstance(arg, cst.Arg) else None
        loop = self.sites.parents.get(call) if isinstance(call, cst.Call) else None
        if not isinstance(loop, cst.For) or not isinstance(call, cst.Call) or not isinstance(arg, cst.Arg):
            return None, ""
        function, at = self.source.code(call.func), call.args.index(arg)
        if function == "reversed" and isinstance(loop.target, cst.Name):
            return None, ""
        if function != "zip" or not isinstance(loop.target, cst.Tuple):
            return None, ""
        element = loop.target.elements[at].value if at < len(loop.target.elements) else None
        return (loop, element.value) if isinstance(element, cst.Name) else (None, "")

    # Literals

    def _literal(self, use: AttributeUse) -> None:
        """A name or a shape that is known."""
        if isinstance(self.sites.parents.get(use.node), cst.AssignTarget):
            raise Left("K2T130", f"setting {use.node.attr.value} has no counterpart in PyTorch")
        values = [self._value(t, use.node.attr.value) for t in use.targets]
        if any(v != values[0] for v in values[1:]) or not is_plain(values[0]) or UNKNOWN in _flat(values[0]):
            raise Left("K2T130", f"{self.source.code(use.node)} has no counterpart in PyTorch")
        text = repr(values[0]).replace("'", '"')
        self._edit(use.node, text)

    def _value(self, target: Layer | ModelValue, name: str) -> object:
        if isinstance(target, ModelValue) and name == "name":
            return target.name.value if target.name is not None else UNKNOWN
        return attributes.get(self.interpreter, target, name)

    # Trainable

    def _trainable(self, use: AttributeUse) -> None:
        assign = self._assignment(use.node)
        if assign is None:
            raise Left("K2T130", f"{self.source.code(use.node)} has no counterpart: ask the parameters' requires_grad")
        statement, value = assign
        if self.freezing.separate(use.targets):
            self.output.edit(self._whole(statement), "")
            return
        problem = self.freezing.problem(use.targets, self._values(use.node))
        if problem:
            raise Left("K2T118", problem)
        self._edit(statement, f"{self._module(use.node.value, use.targets)}.requires_grad_({value})")

    def _values(self, node: cst.Attribute) -> list[object]:
        span = self.source.span(node)
        found = [e for e in self.interpreter.events if e.kind == "trainable" and self.source.span(e.call) == span]
        return [e.values["value"] for e in found]

    def _assignment(self, node: cst.Attribute) -> tuple[cst.Assign, str] | None:
        target = self.sites.parents.get(node)
        assign = self.sites.parents.get(target) if isinstance(target, cst.AssignTarget) else None
        if not isinstance(assign, cst.Assign) or len(assign.targets) != 1:
            return None
        return assign, self.source.code(assign.value)

    def _whole(self, node: cst.CSTNode) -> Span:
        """A statement with its line."""
        line = self.sites.parents.get(node)
        if not isinstance(line, cst.SimpleStatementLine) or len(line.body) != 1:
            raise Left("K2T118", "setting trainable was left: it shares its line with other code")
        return self._line_span(line)

    def _line_span(self, statement: cst.SimpleStatementLine | cst.For) -> Span:
        span = (
            self.sites.whole(statement)
            if isinstance(statement, cst.SimpleStatementLine)
            else self.source.span(statement)
        )
        return self.source.span_of(self.source.line_start(span.start), self.source.line_end(span.end - 1))


def _flat(value: object) -> list[object]:
    return list(value) if isinstance(value, tuple | list) else [value]
