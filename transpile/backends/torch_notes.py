"""What a reader should know of a `compile` that was converted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from transpile.backends.torch_custom import unsure_ids, unsure_targets
from transpile.frontends.keras_training import Use
from transpile.ir import Expr
from transpile.ops.loss import ACTIVATIONS
from transpile.passes.logits import final_activation
from transpile.passes.optimized_weights import factored_otherwise
from transpile.training_ir import Board, Compiled, Fit, Hooks

if TYPE_CHECKING:
    from transpile.backends.torch_training import TrainingWriter


def note_compile(writer: TrainingWriter, use: Use) -> None:
    """Reports what differs by convention, or was left out."""
    span = writer.source.span(use.call)
    decay = writer.reading.decay(use)
    if decay is not None:
        message = f"decay={decay.text} was left out: Keras 3 ignores it, Keras 2 lowered the rate by it"
        writer.output.report("K2T205", span, message)
    # a softmax or sigmoid that stays in the model, under a crossentropy
    for loss, tensor in zip(writer.places[use].losses, use.models[0].outputs):
        wanted = ACTIVATIONS.get(loss.op)
        end = loss.moved or final_activation(tensor)
        if wanted and not loss.moved and end == wanted:
            message = f"the model keeps its {wanted}: not every use of it can do without"
            writer.output.report("K2T306", span, message)
        elif wanted and end and end != wanted:
            message = f"{loss.op} behind a {end}: Keras on TensorFlow computes it from what goes into the {end}"
            text = message if loss.moved else f"{message}; here it gets what comes out"
            writer.output.report("K2T361" if loss.moved else "K2T250", span, text)
        elif loss.op == "binary_focal_crossentropy" and end == "softmax":
            message = f"{loss.op} behind a {end}: Keras on TensorFlow computes its crossentropy from what goes into the"
            writer.output.report("K2T250", span, f"{message} {end}; here it gets what comes out")
    for metric in writer.places[use].metrics:
        end = final_activation(use.models[0].outputs[metric.output])
        if metric.op in ACTIVATIONS and not metric.moved and end and end != ACTIVATIONS[metric.op]:
            message = f"the metric {metric.key} behind a {end}: Keras on TensorFlow computes it from what goes into it"
            writer.output.report("K2T250", span, message)
    if any(factored_otherwise(writer.places[use].optimizer, m) for m in use.models):
        message = "Adafactor sums over other axes of kernels that have more than two"
        writer.output.report("K2T204", span, message)
    writer.frozen.note(use, writer.homes, writer.output.report, span)


def note_callbacks(writer: TrainingWriter, use: Use, fit: Fit) -> None:
    """Says what the callbacks of a training do otherwise than Keras's."""
    span = writer.source.span(use.call)
    for board in (c for c in fit.callbacks if isinstance(c, Board)):
        lost = ", ".join(("the graph", *board.lost))
        writer.output.report("K2T344", span, f"TensorBoard gets the scalars, not {lost}")
    if any(isinstance(c, Hooks) and c.evaluates for c in fit.callbacks):
        message = (
            "a callback evaluates within an epoch: Keras starts the epoch's means anew, the converted loop does not"
        )
        writer.output.report("K2T340", span, message)


def note_targets(writer: TrainingWriter, compile_use: Use, compiled: Compiled, targets: Sequence[Expr]) -> None:
    """Says where functions of the user's may get targets of another shape than Keras gives them."""
    span = writer.source.span(compile_use.call)
    if unsure_targets(compiled, targets):
        message = "Keras 3 gives a metric function or loss class targets of shape (n,) as they are"
        writer.output.report("K2T220", span, message)
    if unsure_ids(compiled, targets):
        writer.output.report("K2T229", span, "a metric function gets class ids without an axis of one")
