"""Statements outside of module classes: what goes with the device, modes, files of weights."""

from __future__ import annotations

import ast

from transpile.backends.keras_checkpoints import loads_checkpoint, restores, saves_checkpoint
from transpile.backends.keras_gradients import taken_gradient
from transpile.backends.keras_in_place import changed_tensor
from transpile.backends.keras_loaders import keep_loader, split_sizes, tensors_of
from transpile.backends.keras_precision import drops_scaler, is_autocast
from transpile.backends.keras_rates import sets_rate
from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.backends.keras_summaries import summary
from transpile.backends.keras_weight_rules import changed
from transpile.frontends.torch_devices import Devices
from transpile.frontends.torch_kind import FUNCTION, argument
from transpile.ir import Edit
from transpile.splice import apply

WIDTH = 84  # a step to the right still fits

_NO_GRAD = ("torch.no_grad", "torch.inference_mode", "torch.set_grad_enabled", "torch.enable_grad")


class Statements:
    """Edits what the steps left."""

    def __init__(self, e: ScriptExpressions, devices: Devices) -> None:
        self.e = e
        self.plan = e.script.plan
        self.devices = devices
        self.references = e.references

    # The device

    def remove_devices(self) -> None:
        """Removes variables, parameters and statements that only chose a device."""
        for statement in self.devices.statements():
            if not self.e.script.is_skipped(statement):
                self.plan.remove(statement)
        for function, parameter in self.devices.parameters():
            arguments = function.args
            self._cut(parameter, [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs], function)
            for call in self.e.kinds.calls.get(function.name, []):
                given = argument(call, function, parameter.arg)
                if given is not None:
                    holder = next((k for k in call.keywords if k.value is given), given)
                    self.e.cut.setdefault(id(call), set()).add(id(holder))

    def _cut(self, part: ast.arg, parts: list[ast.arg], function: FUNCTION) -> None:
        """Removes a parameter, its default and a comma."""
        self.e.cut_parameters.setdefault(id(function), []).append(part.arg)

    # The rest

    def write(self) -> None:
        """Edits every statement that is still as it was."""
        self._block(self.references.tree.body)
        for name_list, function in self._cut_functions():
            self._rewrite_header(function, name_list)

    def _cut_functions(self) -> list[tuple[list[str], FUNCTION]]:
        return [
            (self.e.cut_parameters[id(f)], f)
            for f in self.e.kinds.functions.values()
            if id(f) in self.e.cut_parameters and not self.plan.is_gone(f)
        ]

    def _rewrite_header(self, function: FUNCTION, gone: list[str]) -> None:
        """The parameters of a function without those that went away."""
        arguments = function.args
        parts: list[str] = []
        first: int | None = None
        last = 0
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults = [None] * (len(positional) - len(arguments.defaults)) + list(arguments.defaults)
        for arg, default in zip(positional, defaults):
            start, end = self.references.start(arg), self.references.end(default or arg)
            first = start if first is None else first
            last = max(last, end)
            if arg.arg not in gone:
                parts.append(self.references.data[start:end].decode())
        if first is not None:
            self.plan.replace(first, last, ", ".join(parts))

    def _block(self, block: list[ast.stmt]) -> None:
        for statement in block:
            self._statement(statement)

    def _statement(self, statement: ast.stmt) -> None:
        if self.e.script.is_skipped(statement) or self.plan.is_gone(statement):
            return
        if isinstance(statement, ast.Import | ast.ImportFrom):
            return
        if self.e.script.modes.switch(statement) is not None:
            self.plan.remove(statement)
            return
        if any(rule(self.e, statement) for rule in STATEMENT_RULES):
            return
        if isinstance(statement, ast.With):
            self._with(statement)
        if isinstance(statement, ast.For):
            keep_loader(self.e, statement)
        if isinstance(statement, FUNCTION | ast.ClassDef):
            self._decorators(statement)
        self._expressions(statement)
        for name in ("body", "orelse", "finalbody"):
            self._block(getattr(statement, name, []))
        for handler in getattr(statement, "handlers", []):
            self._block(handler.body)

    def _expressions(self, statement: ast.stmt) -> None:
        """The expressions of a statement itself, not of the blocks below it."""
        pieces = []
        for name, value in ast.iter_fields(statement):
            if name == "decorator_list":
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.expr | ast.arguments | ast.keyword | ast.withitem):
                    pieces += self.e.pieces(child)
        if pieces and not hasattr(statement, "body") and self._grows(statement, pieces):
            start, end = self.references.start(statement), self.references.end(statement)
            moved = [Edit(p.start - start, p.end - start, p.text) for p in pieces]
            self.plan.lay_out(statement, apply(self.references.data[start:end].decode(), moved))
            return
        for piece in pieces:
            self.plan.replace(piece.start, piece.end, piece.text)
        if isinstance(statement, ast.Assign) and pieces and self.e.is_idle(statement):
            self.plan.remove(statement)

    def _grows(self, statement: ast.stmt, pieces: list[Edit]) -> bool:
        """Whether edits make a line of a statement too long, so that it is laid out anew."""
        start = self.references.line_start(self.references.start(statement))
        end = self.references.line_end(self.references.end(statement) - 1)
        before = self.references.data[start:end].decode()
        strings = [n for n in ast.walk(statement) if isinstance(n, ast.Constant | ast.JoinedStr)]
        if any(n.end_lineno != n.lineno for n in strings) or ";" in before or "#" in before:
            return False
        after = apply(before, [Edit(p.start - start, p.end - start, p.text) for p in pieces])
        return _widest(after) > max(WIDTH, _widest(before))

    def _with(self, statement: ast.With) -> None:
        """`with torch.no_grad():` says nothing in Keras, where only tapes record."""
        calls = [i.context_expr for i in statement.items]
        paths = [self.e.path(c.func) if isinstance(c, ast.Call) else self.e.path(c) for c in calls]
        if all(p in _NO_GRAD for p in paths) or is_autocast(self.e, statement):
            self.plan.unwrap(statement)

    def _decorators(self, statement: ast.stmt) -> None:
        for decorator in getattr(statement, "decorator_list", []):
            node = decorator.func if isinstance(decorator, ast.Call) else decorator
            if self.e.path(node) in _NO_GRAD:
                start = self.references.line_start(self.references.start(decorator))
                self.plan.replace(start, self.references.line_end(start), "")


def _widest(text: str) -> int:
    return max(map(len, text.split("\n")))


def loads(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """`model.load_state_dict(torch.load("m.pt"))`."""
    match statement:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(value=model, attr="load_state_dict"),
                args=[ast.Call(func=load, args=[path, *_]), *_],
            )
        ) if e.path(load) == "torch.load" and e.kind(model).name == "model":
            e.script.report("T2K221", statement, "Keras reads its own files of weights only, and after the first call")
            e.script.plan.rewrite(statement, f"{e.text(model)}.load_weights({weights_file(e, path)})")
            return True
    return False


def saves(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """`torch.save(model.state_dict(), "m.pt")`."""
    match statement:
        case ast.Expr(value=ast.Call(func=save, args=[saved, path])) if e.path(save) == "torch.save":
            match saved:
                case ast.Call(func=ast.Attribute(value=model, attr="state_dict")) if e.kind(model).name == "model":
                    e.script.plan.rewrite(statement, f"{e.text(model)}.save_weights({weights_file(e, path)})")
                    return True
                case _ if e.kind(saved).name == "model":
                    e.script.plan.rewrite(statement, f"{e.text(saved)}.save({weights_file(e, path, '.keras')})")
                    return True
    return False


def weights_file(e: ScriptExpressions, path: ast.expr, suffix: str = ".weights.h5") -> str:
    """The path of a file, with the ending that Keras wants."""
    text = e.text(path)
    match path:
        case ast.Constant(value=str(value)):
            stem = value.rpartition(".")[0] if "." in value.rpartition("/")[2] else value
            quote = text[0] if text[0] in "\"'" else '"'
            return f"{quote}{stem}{suffix}{quote}"
        case ast.JoinedStr() | ast.BinOp() | ast.Call():
            for ending in (".pth.tar", ".pth", ".pt", ".ckpt", ".pkl", ".model", ".bin"):
                at = text.rfind(ending)
                if at >= 0 and text[at + len(ending)] in "\"'":
                    return text[:at] + suffix + text[at + len(ending) :]
    return f'{text} + "{suffix}"' if isinstance(path, ast.Name | ast.Attribute) else f'str({text}) + "{suffix}"'


def frozen(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """`for p in model.parameters(): p.requires_grad = False`."""
    match statement:
        case ast.For(
            target=ast.Name(id=name),
            iter=ast.Call(func=ast.Attribute(value=model, attr="parameters")),
            body=[
                ast.Assign(
                    targets=[ast.Attribute(value=ast.Name(id=used), attr="requires_grad")],
                    value=ast.Constant(value=bool(flag)),
                )
            ],
        ) if name == used and e.kind(model).name == "model":
            if not flag and any("BatchNorm" in r.path for r in e.references.references):
                e.script.report("T2K226", statement, "frozen batch normalisations run as for inference")
            e.script.plan.rewrite(statement, f"{e.text(model)}.trainable = {flag}")
            return True
    return False


def clipped(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """`for p in critic.parameters(): p.data.clamp_(-c, c)`."""
    match statement:
        case ast.For(
            target=ast.Name(id=name),
            iter=ast.Call(func=ast.Attribute(value=model, attr="parameters")),
            body=[
                ast.Expr(
                    value=ast.Call(
                        func=ast.Attribute(value=ast.Attribute(value=ast.Name(id=used)), attr="clamp_"),
                        args=[low, high],
                    )
                )
            ],
        ) if name == used and e.kind(model).name == "model":
            e.needs(("from keras import ops",), ())
            limits = f"{e.text(low)}, {e.text(high)}"
            e.script.plan.rewrite(
                statement,
                f"for {name} in {e.text(model)}.trainable_variables:",
                f"    {name}.assign(ops.clip({name}, {limits}))",
            )
            return True
    return False


def splits(e: ScriptExpressions, statement: ast.stmt) -> bool:
    """`a, b = random_split(dataset, [80, 20])`."""
    match statement:
        case ast.Assign(
            targets=[ast.Tuple(elts=[ast.Name(id=first), ast.Name(id=second)])],
            value=ast.Call(args=[ast.Name() as source, *_]),
        ) if (sizes := split_sizes(e, statement)) and tensors_of(e, source) is not None:
            size = sizes[0]
            count = e.text(size)
            if isinstance(size, ast.Constant) and isinstance(size.value, float):
                count = f"int({count} * len({source.id}))"
            shuffled = "shuffled"
            while shuffled in e.references.text:
                shuffled += "_"
            e.script.plan.rewrite(
                statement,
                f"{shuffled} = {source.id}.shuffle(len({source.id}), reshuffle_each_iteration=False)",
                f"{first}, {second} = {shuffled}.take({count}), {shuffled}.skip({count})",
            )
            return True
    return False


STATEMENT_RULES = (
    changed, saves_checkpoint, loads_checkpoint, restores, drops_scaler, summary, splits, taken_gradient, sets_rate,
    loads, saves, frozen, clipped, changed_tensor,
)  # fmt: skip
