"""What stands outside of module classes: training loops, data, calls of models."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from transpile.backends.edit_plan import EditPlan
from transpile.backends.keras_batches import BatchWriter
from transpile.backends.keras_checkpoints import state
from transpile.backends.keras_classes import ModuleClass
from transpile.backends.keras_expressions import UNPARSED, Script
from transpile.backends.keras_hand_gradients import HandWriter
from transpile.backends.keras_leftovers import report_methods
from transpile.backends.keras_lightning import LightningWriter
from transpile.backends.keras_loaders import LOADER_RULES, lightning_stays, stays_torch
from transpile.backends.keras_made_models import made_model, named_class
from transpile.backends.keras_rates import RATE_RULES
from transpile.backends.keras_rules import (
    availability,
    called_loss,
    counted,
    foreign_loss,
    functional_loss,
    image_file,
    kept_weights,
    made_loss,
    made_optimizer,
    model_call,
    moved,
    number,
    seeded,
    shortened_call,
    switched_off,
)
from transpile.backends.keras_schedules import Schedules
from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.backends.keras_statements import Statements
from transpile.backends.keras_steps import StepWriter
from transpile.backends.keras_summaries import writer
from transpile.backends.keras_tensor_rules import (
    cast,
    comparison,
    distance,
    dtype_name,
    filled,
    function,
    gathered,
    made_tensor,
    method,
    one_of_two,
    promoted,
    reshaped,
    size,
    split,
)
from transpile.backends.keras_trainings import ScriptTraining, trainings_of
from transpile.backends.keras_weight_rules import kept, parameter, variable, weights
from transpile.frontends.torch_devices import Devices
from transpile.frontends.torch_kinds import Kinds
from transpile.frontends.torch_lightning import Lightning
from transpile.frontends.torch_modes import Modes
from transpile.frontends.torch_steps import Steps
from transpile.references import References
from transpile.splice import Output

RULES = (
    named_class, variable, parameter, kept, weights, writer, state, shortened_call, image_file, *LOADER_RULES, counted,
    kept_weights, seeded, *RATE_RULES, availability, made_optimizer, made_loss, called_loss, foreign_loss,
    functional_loss, made_model, model_call, number, switched_off, moved, filled, size, reshaped, split,
    one_of_two, gathered, cast, made_tensor,
    comparison, promoted, distance, function, method, dtype_name,
)  # fmt: skip


_DATA = ("torch.utils.data.", "torchvision.datasets.", "torchvision.transforms.")


def convert_script(
    references: References, output: Output, classes: Sequence[ModuleClass], lightning: Mapping[str, Lightning]
) -> list[ScriptTraining]:
    """Edits the code outside of the module classes, whose spans it leaves alone."""
    known = {c.name: c for c in classes}
    kinds = Kinds(references, known)
    script = Script(references, kinds, Modes(kinds), output, EditPlan(references), known)
    modules = [n for n in references.tree.body if isinstance(n, ast.ClassDef) and n.name in kinds.classes]
    script.skipped = [*output.claimed, *(script.span(m) for m in modules)]
    script.skipped += [*stays_torch(script, known), *lightning_stays(script, lightning)]
    steps = Steps(kinds)
    steps.steps = [s for s in steps.steps if not script.is_skipped(s.statement)]
    expressions = ScriptExpressions(script, RULES, steps)
    devices = Devices(kinds)
    statements = Statements(expressions, devices)
    statements.remove_devices()
    hand = HandWriter(expressions, steps)
    schedules = Schedules(expressions)
    schedules.write()
    trained = {n: c for n, c in lightning.items() if not c.problem and n in known and known[n].converted}
    LightningWriter(expressions, trained, schedules).write()
    batches = BatchWriter(expressions, steps.steps)
    batches.write()
    StepWriter(expressions, steps, [p.step for p in batches.plain]).write()
    hand.write()
    statements.write()
    for statement in script.plan.undo_unparsed():
        script.report("T2K156", statement, f"this statement was left: {UNPARSED}")
    report_methods(expressions, devices)
    edits = script.plan.edits()
    output.edits += edits
    _claim(references, output, script)
    return trainings_of(kinds, batches.plain)


def _claim(references: References, output: Output, script: Script) -> None:
    """Claims the names of PyTorch that some edit covers."""
    spans = script.plan.spans()
    for reference in references.references:
        span = references.span(reference.start, reference.end)
        if any(start <= reference.start and reference.end <= end for start, end in spans):
            ours = reference.path.startswith((*_DATA, "torchvision."))
            if ours or not script.plan.keeps(reference.start, reference.end, references.code(reference.node)):
                output.claimed.append(span)
        elif reference.path.startswith(_DATA):
            output.claimed.append(span)
            if not any(d.code == "T2K321" for d in output.diagnostics):
                output.report("T2K321", span, "data sets and loaders stay PyTorch's: Keras takes their batches")
