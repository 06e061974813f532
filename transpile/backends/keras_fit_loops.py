"""The canonical loop over epochs and batches as one call of `fit`, with the user's prints kept."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from transpile.backends.keras_loaders import tensors_of
from transpile.backends.keras_script_expressions import ScriptExpressions
from transpile.frontends.torch_extents import Extents
from transpile.frontends.torch_plain_steps import PlainStep
from transpile.frontends.torch_variables import is_constant, is_local
from transpile.ir import Edit
from transpile.splice import apply

_SIMPLE = ast.Expr | ast.If | ast.Pass


@dataclass(eq=False)
class Loop:
    """Epochs over a loader. `sums` are variables that add up losses: whether each is weighted by size."""

    outer: ast.For
    inner: ast.For
    loader: ast.expr
    made: ast.Call
    sums: dict[str, bool]
    rest: list[ast.stmt]


class FitWriter:
    """Writes the loops that `fit` does exactly."""

    def __init__(self, e: ScriptExpressions) -> None:
        self.e = e
        self.plan = e.script.plan
        self.references = e.references
        self.extents = Extents(e.kinds)

    def write(self, plain: PlainStep) -> bool:
        """Rewrites the loop around a step; False where `fit` would not do the same."""
        loop = self._loop(plain)
        if loop is None or not self._rest_fits(loop, plain):
            return False
        means = self._means(loop, plain)
        if means is None:
            return False
        data = self._data(loop, plain)
        if data is None:
            return False
        for node in means:
            self.e.override(node, 'logs["loss"]')
        self._write(loop, plain, data)
        return True

    # Reading

    def _loop(self, plain: PlainStep) -> Loop | None:
        inner = self.references.parents[plain.step.statement]
        outer = self.references.parents.get(inner)
        if not isinstance(inner, ast.For) or not isinstance(outer, ast.For) or inner.orelse or outer.orelse:
            return None
        if not isinstance(outer.target, ast.Name) or not self._is_range(outer.iter):
            return None
        loader = inner.iter
        target = inner.target
        match inner.iter, inner.target:
            case ast.Call(func=ast.Name(id="enumerate"), args=[inside]), ast.Tuple(elts=[ast.Name(), batch]):
                loader, target = inside, batch
        made = self.e.kind(loader).node
        if self.e.kind(loader).name != "loader" or not isinstance(made, ast.Call) or not self._is_batch(target, plain):
            return None
        sums = self._sums(inner, plain)
        place = outer.body.index(inner)
        if sums is None or not all(self._starts(s, sums) for s in outer.body[:place]):
            return None
        return Loop(outer, inner, loader, made, sums, outer.body[place + 1 :])

    def _is_range(self, node: ast.expr) -> bool:
        match node:
            case ast.Call(func=ast.Name(id="range"), args=[_] | [_, _], keywords=[]):
                return True
        return False

    def _is_batch(self, target: ast.expr, plain: PlainStep) -> bool:
        """`for x, y in loader`, where x and y are what the step takes."""
        match target, plain.inputs, plain.target:
            case ast.Tuple(elts=[ast.Name(id=x), ast.Name(id=y)]), ast.Name(id=a), ast.Name(id=b):
                return x == a and y == b
        return False

    def _sums(self, inner: ast.For, plain: PlainStep) -> dict[str, bool] | None:
        """The sums of losses that the batches add to; None if they do anything else."""
        step = plain.step
        known = {*plain.forward, *step.backwards, step.statement, *step.zeros}
        sums: dict[str, bool] = {}
        for statement in inner.body:
            if statement in known or self._is_move(statement) or self._is_mode(statement):
                continue
            match statement:
                case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value):
                    weighted = self._summed(value, plain)
                    if weighted is None:
                        return None
                    sums[name] = weighted
                case _:
                    return None
        return sums

    def _summed(self, value: ast.expr, plain: PlainStep) -> bool | None:
        """Whether `loss.item()` is weighted by the size of the batch; None for anything else."""
        if self._is_loss(value, plain):
            return False
        match value:
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                if self._is_loss(left, plain) and self._is_size(right, plain):
                    return True
                if self._is_loss(right, plain) and self._is_size(left, plain):
                    return True
        return None

    def _is_loss(self, node: ast.expr, plain: PlainStep) -> bool:
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="item"), args=[]):
                return name == plain.loss
            case ast.Call(func=ast.Name(id="float"), args=[ast.Name(id=name)]):
                return name == plain.loss
        return False

    def _is_size(self, node: ast.expr, plain: PlainStep) -> bool:
        names = {n.id for n in (plain.inputs, plain.target) if isinstance(n, ast.Name)}
        match node:
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=name)]):
                return name in names
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="size"), args=[ast.Constant(value=0)]):
                return name in names
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id=name), attr="shape"), slice=ast.Constant(value=0)):
                return name in names
        return False

    def _is_move(self, statement: ast.stmt) -> bool:
        """`x, y = x.to(device), y.to(device)`."""
        return isinstance(statement, ast.Assign) and (
            self.plan.is_gone(statement) or self.e.is_idle(statement)
        )  # fmt: skip

    def _is_mode(self, statement: ast.stmt) -> bool:
        return self.e.script.modes.switch(statement) is not None

    def _starts(self, statement: ast.stmt, sums: dict[str, bool]) -> bool:
        """`running_loss = 0.0`, `model.train()`."""
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=0 | 0.0)):
                return name in sums
        return self._is_mode(statement)

    # What follows the batches of an epoch

    def _rest_fits(self, loop: Loop, plain: PlainStep) -> bool:
        """Whether what follows the batches can stand in a function of its own."""
        for statement in loop.rest:
            for node in ast.walk(statement):
                if isinstance(node, ast.stmt) and not isinstance(node, _SIMPLE):
                    return False
                if isinstance(node, ast.NamedExpr | ast.Yield | ast.Await):
                    return False
                if isinstance(node, ast.Name) and node.id == plain.loss:
                    return False
        inside = {id(n) for n in ast.walk(loop.outer)}
        gone = {*loop.sums, plain.loss, plain.output, *self._targets(loop)}
        for node in ast.walk(self.e.kinds.function_of(loop.outer)):
            read = isinstance(node, ast.Name) and node.id in gone and isinstance(node.ctx, ast.Load)
            if not read or id(node) in inside or self.references.start(node) < self.references.start(loop.outer):
                continue
            if self._set_inside(node, inside):
                return False
        return not any(self.plan.is_gone(s) for s in loop.rest)

    def _set_inside(self, node: ast.AST, inside: set[int]) -> bool:
        """Whether a variable that is read behind the loop was last set in it."""
        assert isinstance(node, ast.Name)
        entries = self.e.kinds.assigned.get((id(self.e.kinds.function_of(node)), node.id), [])
        before = [at for end, _, at in entries if end <= self.references.start(node)]
        return not before or id(before[-1]) in inside

    def _targets(self, loop: Loop) -> set[str]:
        return {n.id for n in ast.walk(loop.inner.target) if isinstance(n, ast.Name)} | {
            loop.outer.target.id if isinstance(loop.outer.target, ast.Name) else ""
        }

    def _means(self, loop: Loop, plain: PlainStep) -> list[ast.expr] | None:
        """The expressions that are the mean loss of the epoch; None if a sum is used in another way."""
        found: list[ast.expr] = []
        for statement in loop.rest:
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and node.id in loop.sums:
                    parent = self.references.parents[node]
                    if not isinstance(parent, ast.BinOp) or not self._is_mean(parent, node, loop):
                        return None
                    found.append(parent)
        return found

    def _is_mean(self, node: ast.BinOp, total: ast.Name, loop: Loop) -> bool:
        if not isinstance(node.op, ast.Div) or node.left is not total:
            return False
        loader = self.e.kinds.code(loop.loader)
        dataset = loop.made.args[0] if loop.made.args else None
        match node.right:
            case ast.Call(func=ast.Name(id="len"), args=[counted]):
                text = self.e.kinds.code(counted)
            case _:
                return False
        if loop.sums[total.id]:
            return text == f"{loader}.dataset" or (dataset is not None and text == self.e.kinds.code(dataset))
        return text == loader and self.extents.divides(loop.made)

    # Writing

    def _data(self, loop: Loop, plain: PlainStep) -> list[str] | None:
        """The data arguments of `fit`."""
        given = {k.arg: k.value for k in loop.made.keywords}
        given |= dict(zip(("dataset", "batch_size", "shuffle"), loop.made.args))
        dataset = given.get("dataset")
        arrays = tensors_of(self.e, dataset) if dataset is not None else None
        shuffle = given.get("shuffle")
        plain_shuffle = shuffle is None or isinstance(shuffle, ast.Constant)
        last = given.get("drop_last")
        dropped = last is not None and not (isinstance(last, ast.Constant) and not last.value)
        whole = not dropped or self.extents.divides(loop.made, literally=True)
        if arrays is None or len(arrays) != 2 or not plain_shuffle or not whole:
            return None
        if not all(isinstance(a, ast.Name) and self._in_scope(a, loop) for a in arrays):
            return None
        batch = self.e.text(given["batch_size"]) if "batch_size" in given else "1"
        found = [*(self.e.text(a) for a in arrays), f"batch_size={batch}"]
        if not (isinstance(shuffle, ast.Constant) and shuffle.value):
            found.append("shuffle=False")
        return found

    def _in_scope(self, array: ast.expr, loop: Loop) -> bool:
        there, here = self.e.kinds.function_of(array), self.e.kinds.function_of(loop.outer)
        constant = isinstance(array, ast.Name) and is_constant(self.e.kinds, array)
        local = isinstance(array, ast.Name) and there is not here and is_local(self.e.kinds, here, array.id)
        return constant and not local and (there is here or isinstance(there, ast.Module))

    def _write(self, loop: Loop, plain: PlainStep, data: list[str]) -> None:
        iterated = loop.outer.iter
        assert isinstance(iterated, ast.Call)
        if len(iterated.args) == 2:
            data.append(f"initial_epoch={self.e.text(iterated.args[0])}")
        data += [f"epochs={self.e.text(iterated.args[-1])}", "verbose=0"]
        lines: list[str] = []
        callbacks = []
        if loop.rest:
            assert isinstance(loop.outer.target, ast.Name)
            epoch = loop.outer.target.id
            lines, callback = self._callback(loop.rest, epoch)
            callbacks.append(callback)
        if callbacks:
            data.append(f"callbacks=[{', '.join(callbacks)}]")
        self.plan.rewrite(loop.outer, *lines, f"{plain.model}.fit({', '.join(data)})")
        self.e.fitted.add(id(loop.made))

    def _callback(self, rest: list[ast.stmt], epoch: str) -> tuple[list[str], str]:
        """(a function before the call, the callback)."""
        texts = [self.statement_text(s) for s in rest]
        if len(rest) == 1 and isinstance(rest[0], ast.Expr):
            return [], f"keras.callbacks.LambdaCallback(on_epoch_end=lambda {epoch}, logs: {texts[0]})"
        body = [f"    {line}" for text in texts for line in text.split("\n")]
        name = "on_epoch_end" if "on_epoch_end" not in self.references.text else "after_epoch"
        lines = [f"def {name}({epoch}, logs):", *body, "", ""]
        return lines, f"keras.callbacks.LambdaCallback(on_epoch_end={name})"

    def statement_text(self, statement: ast.stmt) -> str:
        """A statement in Keras's words, as if it stood at the left margin."""
        start, end = self.references.start(statement), self.references.end(statement)
        edits = [Edit(e.start - start, e.end - start, e.text) for e in self._pieces(statement)]
        text = apply(self.references.data[start:end].decode(), edits)
        return text.replace("\n" + " " * statement.col_offset, "\n")

    def _pieces(self, node: ast.AST) -> list[Edit]:
        found: list[Edit] = []
        for child in ast.iter_child_nodes(node):
            found += self.e.pieces(child) if isinstance(child, ast.expr) else self._pieces(child)
        return found
