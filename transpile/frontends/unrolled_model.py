"""A functional model whose helpers are kept as classes while the code that calls them is unrolled.

Between the model that keeps its loops and the flat one: the calls of helpers stay calls, in the
order in which they were made, with the values that they were made with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from transpile.frontends.keras_model import Reader, Reading, undecided
from transpile.frontends.naming import Namespace, identifier, snake
from transpile.frontends.recorded import Recorded
from transpile.frontends.scope import Block, Unstructured
from transpile.frontends.tensor_variables import Variables
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Apply, Frame, Tensor, UserCall
from transpile.ir import Expr, Model, Node, Statement


def read_unrolled(
    reading: Reading, interpreter: Interpreter, names: Namespace, drop: tuple[str, ...]
) -> tuple[Model, list[Model]]:
    """The model with helpers as classes, and those classes. Raises Unstructured."""
    if reading.external or reading.masked or reading.varies:
        raise Unstructured("shared layers, or masks")
    if undecided(reading):
        raise Unstructured("a condition that is not known")
    recorded = Recorded(interpreter, names, {id(a) for a in reading.applies})
    reader = _UnrolledReader(interpreter, reading.value, drop, {})
    return reader.unrolled(reading, recorded), [b.model for b in recorded.blocks.values()]


class _UnrolledReader(Reader):
    """Reads the applications of the home frame, and calls of helpers from it."""

    def unrolled(self, reading: Reading, recorded: Recorded) -> Model:
        calls = self._outer_calls(reading, recorded)
        if not calls:
            raise Unstructured("no helper is called")
        items = {id(a): a for a in reading.applies if a.frame is self.value.frame}
        blocks = {}
        for call in calls:
            record = self._as_record(call, recorded)
            items[id(record)] = record
            blocks[id(record)] = (call, recorded.block(call.function))
        ordered = sorted(items.values(), key=lambda r: r.order)
        variables = Variables(self.value, ordered, self.outputs)
        body: list[Statement] = []
        for record in ordered:
            if id(record) in blocks:
                body.append(self._block_node(record, *blocks[id(record)], recorded, variables))
            else:
                body.append(self._node(record, variables))
        if self.reading.unportable:
            raise Unstructured("an argument that only the program knows")
        inputs = tuple(replace(i, name=variables.of(t)) for t, i in zip(self.value.inputs, reading.model.inputs))
        outputs = tuple(variables.of(t) for t in self.outputs)
        return replace(reading.model, inputs=inputs, body=tuple(body), outputs=outputs)

    def _outer_calls(self, reading: Reading, recorded: Recorded) -> list[UserCall]:
        """The calls that the home frame makes and in which all other layers are applied."""
        by_frame = {id(c.frame): c for c in self.interpreter.user_calls if c.frame is not None}
        found: dict[int, UserCall] = {}
        for apply in reading.applies:
            frame: Frame | None = apply.frame
            call = None
            while frame is not None and frame is not self.value.frame:
                call = by_frame.get(id(frame))
                if call is None:
                    raise Unstructured("layers applied in a comprehension")
                frame = call.caller
            if call is not None:
                found[id(call)] = call
        if sum(a.frame is not self.value.frame for a in reading.all_applies) != sum(
            a.frame is not self.value.frame for a in reading.applies
        ):
            raise Unstructured("the final activation lies in a helper")
        return list(found.values())

    def _as_record(self, call: UserCall, recorded: Recorded) -> Apply:
        """A call of a helper, as if it were the application of one layer."""
        results = call.result if isinstance(call.result, tuple | list) else [call.result]
        outputs = [t for t in results if isinstance(t, Tensor)]
        if len(outputs) != len(results):
            raise Unstructured("a helper returns more than tensors")
        return Apply(
            None, {}, tuple(recorded.tensor_arguments(call)), None, self.interpreter.source.span(call.call),
            self.value.frame, call.order, call.statement, outputs,
        )  # fmt: skip

    def _block_node(
        self, record: Apply, call: UserCall, block: Block, recorded: Recorded, variables: Variables
    ) -> Node:
        given = [self._shape(t) for t in record.inputs]
        args = recorded.constructor(block, [call], dict(zip(block.tensors, given)))
        own = {n: self._expr(e, call.caller, call.order) for n, e in args.items()}
        own["class"] = Expr(block.model.class_name)
        name = self.attributes.unique(identifier(snake(call.function.name)))
        return Node(
            "block",
            own,
            _names(record.inputs, variables),
            _names(record.outputs, variables),
            name,
            name,
            tuple(given),
            tuple(self._shape(t) for t in record.outputs),
            span=record.span,
        )


def _names(tensors: Sequence[Tensor], variables: Variables) -> tuple[str, ...]:
    return tuple(variables.of(t) for t in tensors)
