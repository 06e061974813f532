"""The Trainers of a file: what they are made with and what they are asked to do."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from transpile.references import References

TRAINERS = tuple(f"{root}.Trainer" for root in ("pytorch_lightning", "lightning", "lightning.pytorch"))
# Where and how it runs, and what it shows: nothing of what it computes.
PLACE = frozenset(
    "accelerator devices gpus num_nodes strategy deterministic benchmark log_every_n_steps default_root_dir "
    "num_sanity_val_steps enable_model_summary weights_summary enable_checkpointing checkpoint_callback "
    "progress_bar_refresh_rate auto_select_gpus num_processes profiler track_grad_norm".split()
)
KNOWN = frozenset("max_epochs callbacks gradient_clip_val logger precision enable_progress_bar".split())
CALLBACKS = ("EarlyStopping", "ModelCheckpoint")
SHOWING = ("LearningRateMonitor", "TQDMProgressBar", "RichProgressBar", "ProgressBar", "ModelSummary",
           "DeviceStatsMonitor", "Timer", "RichModelSummary")  # fmt: skip
_METHODS = ("fit", "test", "validate")


class Trainers:
    """Answers for one file."""

    def __init__(self, references: References, paths: dict[int, str]) -> None:
        self.references, self.paths = references, paths
        self.made = [n for n in ast.walk(references.tree) if isinstance(n, ast.Call) and self.path(n.func) in TRAINERS]

    def path(self, node: ast.AST) -> str:
        return self.paths.get(id(node), "")

    def problem(self) -> tuple[str, ast.AST | None]:
        """What a Trainer does that `fit` does not; "" for nothing."""
        if not self.made:
            return "its Trainer is not in this file", None
        for node in self._unknown():
            return f"{self.references.code(node).splitlines()[0]} of its Trainer has no counterpart", node
        return "", None

    def _unknown(self) -> Iterator[ast.AST]:
        names: dict[str, list[ast.Call]] = {}
        for call in self.made:
            yield from (k for k in call.keywords if k.arg not in PLACE | KNOWN)
            yield from call.args
            match self.references.parents.get(call):
                case ast.Assign(targets=[ast.Name(id=name)]):
                    names.setdefault(name, []).append(call)
                case _:
                    yield call
            for keyword in call.keywords:
                if keyword.arg == "callbacks":
                    yield from self._callbacks(keyword.value)
        for name, calls in names.items():
            yield from calls[1:]
            yield from self._uses(name)

    def _uses(self, name: str) -> Iterator[ast.AST]:
        for node in ast.walk(self.references.tree):
            if not isinstance(node, ast.Name) or node.id != name or not isinstance(node.ctx, ast.Load):
                continue
            attribute = self.references.parents.get(node)
            call = self.references.parents.get(attribute) if attribute is not None else None
            statement = self.references.parents.get(call) if call is not None else None
            known = isinstance(attribute, ast.Attribute) and attribute.attr in _METHODS and isinstance(call, ast.Call)
            if not known or not isinstance(statement, ast.Expr) or not self._is_plain(call):  # type: ignore[arg-type]
                yield attribute or node

    def _is_plain(self, call: ast.Call) -> bool:
        """Whether a model is given by name, with loaders or a data module and nothing else."""
        known = {"model", "train_dataloaders", "train_dataloader", "val_dataloaders", "datamodule", "dataloaders",
                 "test_dataloaders"}  # fmt: skip
        names = {k.arg for k in call.keywords}
        model = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "model"), None)
        data = len(call.args) > 1 or len(names - {"model"}) > 0
        return isinstance(model, ast.Name) and names <= known and data

    def callbacks(self, value: ast.expr) -> list[ast.expr]:
        """The parts of a list of callbacks, of a variable what it was set to."""
        parts = value.elts if isinstance(value, ast.List) else [value]
        return [self.resolved(p) for p in parts]

    def resolved(self, node: ast.expr) -> ast.expr:
        """What a variable is set to, once; else the node."""
        if isinstance(node, ast.Name):
            found = [s for s in ast.walk(self.references.tree) if self._sets(s, node.id)]
            reads = [n for n in ast.walk(self.references.tree) if isinstance(n, ast.Name) and n.id == node.id]
            if len(found) == 1 and len(reads) == 2 and isinstance(found[0], ast.Assign):
                return found[0].value
        return node

    def _sets(self, statement: ast.AST, name: str) -> bool:
        match statement:
            case ast.Assign(targets=[ast.Name(id=found)]):
                return found == name
        return False

    def _callbacks(self, value: ast.expr) -> Iterator[ast.AST]:
        for part in self.callbacks(self.resolved(value)):
            name = self.path(part.func).rpartition(".")[2] if isinstance(part, ast.Call) else ""
            if name not in (*CALLBACKS, *SHOWING):
                yield part
            elif name == "EarlyStopping" and isinstance(part, ast.Call):
                known = {"monitor", "min_delta", "patience", "verbose", "mode", "check_finite", "strict"}
                yield from (k for k in part.keywords if k.arg not in known)
                yield from part.args[1:]
            elif name == "ModelCheckpoint" and isinstance(part, ast.Call):
                known = {"monitor", "mode", "save_top_k", "dirpath", "filename", "verbose", "save_last"}
                yield from (k for k in part.keywords if k.arg not in known)
                yield from part.args
