"""Layers that mean something else in Keras 3 than in the Keras that a program was written for."""

from __future__ import annotations

from collections.abc import Iterable

from transpile.frontends.keras_model import Reading
from transpile.interpret.interpreter import Interpreter
from transpile.interpret.values import Apply, Layer
from transpile.registry import mask_of
from transpile.splice import Output

# What only Keras 1 and 2 take.
_ARGUMENTS = frozenset(
    """nb_epoch nb_filter nb_row nb_col nb_val_samples samples_per_epoch border_mode subsample dim_ordering
    output_dim inner_activation inner_init init W_regularizer b_regularizer W_constraint b_constraint
    batch_input_shape input_length dropout_W dropout_U consume_less forget_bias_init bias init_std lr
    show_accuracy implementation""".split()
)
_METHODS = frozenset("fit_generator evaluate_generator predict_generator predict_classes predict_proba".split())
_RECURRENT = frozenset({"LSTM", "GRU", "LSTMCell", "GRUCell"})


def is_old(interpreter: Interpreter) -> bool:
    """Whether a program says what only Keras 1 or 2 understands."""
    calls = [layer.call for layer in interpreter.layers if layer.call is not None]
    calls += [event.call for event in interpreter.events]
    keywords = {a.keyword.value for c in calls for a in c.args if a.keyword is not None}
    return bool(keywords & _ARGUMENTS) or any(e.kind in _METHODS for e in interpreter.events)


def report_old_meanings(interpreter: Interpreter, layers: Iterable[Layer], output: Output) -> None:
    """K2T205 for every converted layer whose meaning has changed since."""
    if not is_old(interpreter):
        return
    for layer in layers:
        changed = list(_changed(layer))
        if changed:
            output.report("K2T205", layer.span, f"{layer.kind}: {'; '.join(changed)}")


def report_masks(readings: Iterable[Reading], output: Output) -> None:
    """K2T205 where a mask meets other tensors: Keras 2 computed the masked steps, and kept the mask."""
    for reading in readings:
        for record in reading.applies:
            masks = [t.mask for t in record.inputs]
            if record.op is None or not any(masks):
                continue
            kind = mask_of(record.op, record.args)
            name = record.op.keras_class
            if kind == "use+merge":
                message = f"{name} of masked steps: Keras 2 took them like any other, Keras 3 leaves them out"
                output.report("K2T205", record.span, message)
            elif kind == "merge" and not all(masks) and _is_used(record, reading.applies):
                message = f"{name}: Keras 2 passed on a mask that only some of its inputs have, Keras 3 does not"
                output.report("K2T205", record.span, message)


def _is_used(record: Apply, applies: Iterable[Apply]) -> bool:
    """Whether a layer would take a mask of the results into account."""
    carrying = {id(t) for t in record.outputs}
    for later in applies:
        if later.op is None or not any(id(t) in carrying for t in later.inputs):
            continue
        kind = mask_of(later.op, later.args)
        if kind in ("use", "use+keep"):
            return True
        if kind != "drop":
            carrying |= {id(t) for t in later.outputs}
    return False


def _changed(layer: Layer) -> Iterable[str]:
    values = {name: expr.value for name, expr in layer.args.items()}
    given = layer.call.args if layer.call is not None else ()
    said = {a.keyword.value for a in given if a.keyword is not None}
    third = sum(a.keyword is None for a in given) > 2  # after the units and the activation
    if layer.kind in _RECURRENT and not third and not said & {"recurrent_activation", "inner_activation"}:
        yield "its recurrent activation was hard_sigmoid by default before Keras 2.3, and is sigmoid since"
    if layer.kind in _RECURRENT and layer.kind.startswith("GRU") and "reset_after" not in said:
        yield "reset_after was False by default in Keras 2 and is True in Keras 3"
    if any(v == "hard_sigmoid" for v in values.values() if isinstance(v, str)) or layer.kind == "hard_sigmoid":
        yield "hard_sigmoid was clip(0.2 x + 0.5, 0, 1) in Keras 2 and is clip(x / 6 + 0.5, 0, 1) in Keras 3"
