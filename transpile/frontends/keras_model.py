"""Models of the interpreter -> ir.Model, by flattening what was traced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from transpile.frontends.choices import Branches, are_independent, arms_of
from transpile.frontends.naming import Namespace, attribute_name, class_name
from transpile.frontends.portable import Home, NotPortable, is_set_later, only_asks, portable, portable_dim, stable
from transpile.frontends.scope import Unconvertible
from transpile.frontends.tensor_variables import Variables
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.run_order import in_run_order
from transpile.interpret.values import Apply, Arm, Frame, InputSource, Layer, ModelValue, Phi, Tensor
from transpile.ir import UNKNOWN, Expr, Input, Model, Node, Plain, Span, Statement
from transpile.registry import ACTIVITY, LAYER_ARGUMENTS, by_name

ADDED_LOSS = "added_loss"  # the op of a tensor that `model.add_loss` was given


@dataclass
class Reading:
    """One model as read: the IR, and what links it to the source.

    `applies` are the applications it consists of, in order; `layers` the Keras layers by the
    attribute that holds their module; `external` maps an attribute to another model's attribute that shares
    the layer (or to the nested model or adapted layer itself, when the second part is empty).
    """

    value: ModelValue
    model: Model
    applies: list[Apply]
    layers: dict[str, Layer | ModelValue]
    external: dict[str, tuple[ModelValue | Layer, str]] = field(default_factory=dict)
    ignored_mask: bool = False
    all_applies: list[Apply] = field(default_factory=list)  # those that were moved into the loss, too
    unportable: list[Expr] = field(default_factory=list)  # known only where they are written
    masked: bool = False  # some layer uses or carries a mask
    varies: bool = False  # the same code builds other layers from call to call
    assumed: bool = False  # arguments of the builder were replaced by their values
    shared: bool = False  # another model uses some of its layers
    reordered: bool = False  # Keras runs it in another order than it is written in
    undecided: Phi | None = None  # a tensor that comes about in one way or another, as only the program decides
    structured: bool = False  # helpers and loops were kept: attribute paths are not known


def undecided(reading: Reading) -> Phi | None:
    """A tensor of the model that comes about in one way or another, as the running program decides."""
    tensors = (*(t for a in reading.all_applies for t in a.inputs), *reading.value.outputs)
    return next((t.source for t in tensors if isinstance(t.source, Phi)), None)


def trace(model: ModelValue) -> list[Apply]:
    """The applications between a model's inputs and outputs, in order of execution."""
    seen: set[int] = set()
    found: list[Apply] = []
    reasons: list[tuple[str, str, Span]] = list(model.problems)
    inputs = {id(t) for t in model.inputs}
    stack = [*model.outputs, *model.added]
    while stack:
        tensor = stack.pop()
        if id(tensor) in inputs:
            continue
        source = tensor.source
        if isinstance(source, Phi) and source.choices:
            stack += (c for c in source.choices if id(c) not in seen)
            seen |= {id(c) for c in source.choices}
        elif isinstance(source, Phi):
            reasons.append(("K2T109", source.reason, source.span))
        elif isinstance(source, InputSource) or source is None:
            span = source.span if source else model.span
            reasons.append(("K2T110", "the model depends on an input that it does not declare", span))
        elif id(source) not in seen:
            seen.add(id(source))
            found.append(source)
            reasons += _problems(source)
            stack += source.inputs
    if not model.outputs and not reasons:
        reasons.append(("K2T110", "nothing is known of this model's layers", model.span))
    if reasons:
        raise Unconvertible(list(dict.fromkeys(reasons)))
    return sorted(found, key=lambda a: a.order)


def _problems(record: Apply) -> list[tuple[str, str, Span]]:
    reasons = [(code, message, record.span) for code, message in record.problems]
    layer = record.layer
    if isinstance(layer, Layer):
        reasons += [(code, message, layer.span) for code, message in layer.problems]
        inner = layer.args.get("layer")
        if inner is not None and isinstance(inner.value, Layer):
            reasons += [(code, message, inner.value.span) for code, message in inner.value.problems]
            reasons += [
                ("K2T104", f"{name}= of a layer inside {layer.kind} cannot be converted", layer.span)
                for name in ("trainable", "weights")
                if name in inner.value.common and inner.value.common[name].value not in (True, None)
            ]
            if inner.value.op is None and inner.value.kind != "Activation":
                reasons.append(
                    (
                        "K2T101",
                        f"{inner.value.kind} is not supported inside {layer.kind}",
                        layer.span,
                    )
                )
    elif isinstance(layer, ModelValue):
        if layer.problems:
            reasons.append(("K2T110", "a model applied here could not be converted", record.span))
    elif record.op is None and not record.problems:
        reasons.append(("K2T112", "this call is not supported yet", record.span))
    return reasons


class Reader:
    """Flattens one model into nodes."""

    def __init__(
        self, interpreter: Interpreter, value: ModelValue, drop: tuple[str, ...],
        owners: Mapping[int, tuple[ModelValue, str]],
    ) -> None:  # fmt: skip
        self.interpreter = interpreter
        self.value = value
        self.home = Home(value.frame, max(value.order, value.closed))
        self.drop = drop
        self.assumed = False
        self.owners = owners
        self.attributes = Namespace()
        self.names: dict[int, str] = {}  # layer -> attribute
        self.reading = Reading(value, Model("", "", "functional", (), (), ()), [], {})

    def read(self) -> Reading:
        """The model as IR. Raises Unconvertible."""
        reading = self.reading
        written = trace(self.value)
        reading.all_applies = in_run_order(self.value, written)
        reading.reordered = reading.all_applies != written
        reading.applies = self._without_final(reading.all_applies)
        variables = Variables(self.value, reading.applies, [*self.outputs, *self.value.added])
        body: list[Statement] = []
        ends: list[int] = []
        for record, following in zip(reading.applies, [*reading.applies[1:], None]):
            body += self._masks(record, variables)
            body += self._noted(self._node(record, variables), body, following)
            ends.append(len(body))
        if variables.choices:
            body = self._decided(body, ends, variables)
        for tensor in self.value.added:
            body.append(Node(ADDED_LOSS, inputs=(variables.of(tensor),), outputs=(), input_shapes=((),)))
        style = "sequential" if self.value.style == "sequential" else "functional"
        reading.model = Model(
            name=self.value.variable,
            class_name=class_name(self.value),
            style=style,  # type: ignore[arg-type]
            inputs=tuple(self._input(t, variables) for t in self.value.inputs),
            body=tuple(body),
            outputs=tuple(variables.of(t) for t in self.outputs),
            span=self.value.span,
        )
        reading.masked = any(t.mask is not None for a in reading.applies for t in a.inputs)
        reading.assumed = self.assumed
        reading.ignored_mask = any(t.mask is not None for t in self.value.outputs)
        if reading.ignored_mask and self._trained():
            reason = "the mask reaches the output: Keras leaves masked steps out of loss and metrics"
            raise Unconvertible([("K2T113", reason, self.value.span)])
        return reading

    def _decided(self, body: list[Statement], ends: list[int], variables: Variables) -> list[Statement]:
        """The body with the conditions that only the running program decides; as it is where they cannot be kept."""
        applies, choices = self.reading.applies, variables.choices
        code = self.interpreter.source.code
        texts = {arm.begun: code(arm.test.test) for arm in arms_of(applies, choices)}
        kept = all(self._is_kept(arm, texts[arm.begun], applies) for arm in arms_of(applies, choices))
        masked = any(c.tensor.mask is not None for c in choices)
        if self.reading.reordered or masked or not kept or not all(map(are_independent, variables.copies.values())):
            source = choices[0].tensor.source
            self.reading.undecided = source if isinstance(source, Phi) else None
            return body
        chunks = [body[start:end] for start, end in zip([0, *ends], ends)]
        return Branches(applies, chunks, choices, variables.copies, texts).body

    def _is_kept(self, arm: Arm, text: str, applies: list[Apply]) -> bool:
        """Whether a condition means the same where the class is constructed, or in `forward` if only that needs it."""
        source = self.interpreter.source
        if arm.frame is not self.value.frame or arm.loops or not only_asks(text):
            return False
        if is_set_later(text, source, source.span(arm.test).start):
            return False
        if arm.frame.parent is not None:
            return stable(text, arm.frame, arm.begun, self.home)
        made = any(a.layer is not None for a in applies if any(x.begun == arm.begun for x in a.arms))
        first = min(arm.begun, self.home.until) if made else arm.begun
        return stable(text, arm.frame, first, Home(arm.frame, self.interpreter.order))

    def _trained(self) -> bool:
        """Whether a loss is computed on this model."""
        kinds = ("compile", "fit", "train_on_batch", "evaluate")
        events = self.interpreter.events
        return any(e.model is self.value and e.kind in kinds for e in events)

    @property
    def outputs(self) -> list[Tensor]:
        """The output tensors, before the activations that move into the loss."""
        result = []
        for i, tensor in enumerate(self.value.outputs):
            moved = i < len(self.drop) and self.drop[i] and isinstance(tensor.source, Apply)
            result.append(tensor.source.inputs[0] if moved and isinstance(tensor.source, Apply) else tensor)
        return result

    def _without_final(self, applies: list[Apply]) -> list[Apply]:
        kept = {id(t) for t in self.outputs}
        gone = {id(t.source) for t in self.value.outputs if id(t) not in kept}
        return [a for a in applies if id(a) not in gone]

    def _input(self, tensor: Tensor, variables: Variables) -> Input:
        shape = self._shape(tensor)
        return Input(variables.of(tensor), shape, tensor.dtype)

    def _shape(self, tensor: Tensor) -> tuple[Expr, ...] | None:
        if tensor.shape is None:
            return None
        dims = []
        for dim in tensor.shape:
            dims.append(portable_dim(dim, *self.interpreter.dim_origin(dim), self.home))
        return tuple(dims)

    def _attribute(self, record: Apply) -> str:
        """The attribute that holds the module of a layer (the same for a shared layer)."""
        layer = record.layer
        if layer is None:
            return ""
        key = id(layer)
        if key not in self.names:
            name = self.attributes.unique(attribute_name(layer))
            self.names[key] = name
            self.reading.layers[name] = layer
            if isinstance(layer, ModelValue) or layer.adapted:
                self.reading.external[name] = (layer, "")
            elif key in self.owners and self.owners[key][0] is not self.value:
                self.reading.external[name] = self.owners[key]
        return self.names[key]

    def _node(self, record: Apply, variables: Variables) -> Node:
        layer = record.layer
        frame, at = (layer.frame, layer.order) if isinstance(layer, Layer) else (record.frame, record.order)
        args = {n: self._expr(e, frame, at) for n, e in record.args.items()}
        if isinstance(layer, Layer):
            for name in ("weights", "trainable"):
                if name in layer.common:
                    args[f"common:{name}"] = self._expr(layer.common[name], frame, at)
            if layer.instance is None and any(e.kind == "trainable" for e in self.interpreter.events):
                args["has:freezing"] = Expr("True", True)
        name = self._attribute(record)
        own = isinstance(layer, Layer) and layer.instance is not None
        if isinstance(layer, Layer) and layer.instance is not None:
            args = self._construction(layer, args)
        return Node(
            op=record.op.name if record.op is not None else "block" if own else "model",
            args=args,
            inputs=tuple(variables.of(t) for t in record.inputs),
            outputs=tuple(variables.of(t) for t in record.outputs),
            layer=name,
            name=name,
            input_shapes=tuple(self._shape(t) for t in record.inputs),
            shapes=tuple(self._shape(t) for t in record.outputs),
            mask=next(filter(None, variables.masks(record)), ""),
            masks=variables.masks(record),
            fused=record.fused,
            span=record.span,
        )

    def _construction(self, layer: Layer, args: dict[str, Expr]) -> dict[str, Expr]:
        """How an object of the user's class is made, without what only Keras takes."""
        assert layer.instance is not None
        found = {"class": Expr(layer.instance.cls.node.name.value)}
        for name, expr in layer.args.items():
            if name not in LAYER_ARGUMENTS:
                moved = self._expr(expr, layer.frame, layer.order)
                found[name if name.isdigit() else f"={name}"] = moved
        if layer.adds_loss:
            found |= {"has:regularization": Expr("True", True), "has:notes": Expr("True", True)}
        return found | {n: e for n, e in args.items() if ":" in n}  # a Sequential notes the arguments of a layer, too

    @staticmethod
    def _noted(node: Node, body: list[Statement], following: Apply | None) -> list[Statement]:
        """The node; behind it (or behind its activation), the penalty on what it gives."""
        before = body[-1] if body else None
        carrier = before if node.fused and isinstance(before, Node) else node
        regularizer = carrier.args.get(ACTIVITY)
        if following is not None and following.fused and carrier is node:
            return [node]
        if carrier is not node and isinstance(before, Node):
            body[-1] = _without_penalty(before)
        node = _without_penalty(node)
        if regularizer is None or regularizer.value is None:
            return [node]
        x, shape = node.outputs[:1], node.shapes[:1]
        noted = Node(
            "activity_regularization", {ACTIVITY: regularizer}, x, x,
            input_shapes=shape, shapes=shape, span=node.span,
        )  # fmt: skip
        return [node, noted]

    def _expr(self, expr: Expr, frame: Frame, at: int) -> Expr:
        if isinstance(expr.value, Layer):
            inner = expr.value
            if inner.op is None:
                return expr
            args = {n: self._expr(e, inner.frame, inner.order) for n, e in inner.args.items()}
            return replace(expr, value=Node(inner.op.name, args, span=inner.span))
        try:
            found = portable(expr, frame, at, self.home)
        except NotPortable:
            self.reading.unportable.append(expr)
            return expr
        if found.text != expr.text and self.value.frame.parent is not None:
            self.assumed = True
        return found

    def _masks(self, record: Apply, variables: Variables) -> list[Statement]:
        """The statement that computes the mask which this record brings into being, if it is used."""
        name = variables.new_mask(record)
        if not name:
            return []
        source = variables.of(record.inputs[0])
        if record.op is by_name().get("masking"):
            value = record.args["mask_value"].text
            return [Plain(f"{name} = ({source} != {value}).any(dim=-1)", "forward")]
        return [Plain(f"{name} = {source} != 0", "forward")]


def _without_penalty(node: Node) -> Node:
    return replace(node, args={n: e for n, e in node.args.items() if n != ACTIVITY})


def unknown_features(shape: tuple[Expr, ...] | None) -> bool:
    """Whether the last extent of an input is neither a number nor text."""
    return shape is None or (not shape[-1].text and shape[-1].value is UNKNOWN)
