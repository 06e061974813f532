"""Branches and loops of a PyTorch function: tensors lie alike wherever paths meet."""

from __future__ import annotations

import ast
from dataclasses import replace

from transpile.backends.body_parts import Parts
from transpile.ir import Edit
from transpile.ops._functions import Left, fresh, relaid
from transpile.torch_values import UNKNOWN_VALUE, Tensor, Value, each_of, join


class Walker(Parts):
    """Reads a whole function."""

    def do_If(self, node: ast.If) -> None:
        test = self.expr(node.test)
        if test.const is False and self.scripted(node):
            return
        self.change(node.test, test.text)
        before, was_dead = dict(self.env), self.dead
        self.block(node.body)
        first, first_dead = self.env, self.dead
        self.env, self.dead = dict(before), was_dead
        self.block(node.orelse)
        second, second_dead = self.env, self.dead
        if first_dead and not was_dead:
            self.env, self.dead = second, second_dead
            return
        if second_dead and not was_dead:
            self.env, self.dead = first, first_dead
            return
        self.env = self.merged(node, first, second)

    def scripted(self, node: ast.If) -> bool:
        """`if torch.jit.is_scripting():` goes, with what only TorchScript runs."""
        asks = any(self.program.paths.get(id(n), "").startswith("torch.jit.is_") for n in ast.walk(node.test))
        if asks and not node.orelse:
            self.edits.append(Edit(self.references.start(node), self.references.end(node), ""))
        return asks and not node.orelse

    def merged(self, node: ast.If, first: dict[str, Value], second: dict[str, Value]) -> dict[str, Value]:
        """What is known behind an `if`; tensors that lie differently are laid alike."""
        result: dict[str, Value] = {}
        for name in {**first, **second}:
            a, b = first.get(name), second.get(name)
            if isinstance(a, Tensor) and isinstance(b, Tensor) and a.last != b.last and alike(a, b):
                last = b.last if not node.orelse else True
                for value, block in ((a, node.body), (b, node.orelse)):
                    if value.last != last:
                        self.insert_after(block[-1], f"{name} = {relaid(name, value, last)}")
                        self.uses_ops = True
                a, b = replace(a, last=last), replace(b, last=last)
            if a is None or b is None:
                result[name] = a or b or UNKNOWN_VALUE
            else:
                result[name] = join(a, b)
        return result

    def do_For(self, node: ast.For) -> None:
        found = self.iterated(node.iter)
        self.change(node.iter, found.text)
        self.bind(node.target, each_of(found.value))
        self.loop(node, node.body)
        self.block(node.orelse)

    def do_While(self, node: ast.While) -> None:
        self.change(node.test, self.expr(node.test).text)
        self.loop(node, node.body)
        self.block(node.orelse)

    def loop(self, node: ast.stmt, body: list[ast.stmt]) -> None:
        """A body that runs again and again: its tensors lie at its end as at its beginning."""
        before = dict(self.env)
        edits, self.edits = self.edits, []
        problem = self.problem
        self.block(body)
        after, self.edits, self.problem = self.env, edits, problem
        self.env = dict(before)
        for name, old in before.items():
            new = after.get(name)
            if isinstance(old, Tensor) and isinstance(new, Tensor):
                if self.close(old, new):
                    old.rank.unify(new.rank)
                if new.last and not old.last and old.rank.value == new.rank.value and (old.rank.value or 0) > 2:
                    self.insert_before(node, [f"{name} = {relaid(name, old, True)}"])
                    self.uses_ops = True
                    self.env[name] = replace(old, last=True)
                elif old.rank.value != new.rank.value:
                    self.env[name] = fresh(None, old.dtype)
            elif new is not None and new is not old and not isinstance(new, Tensor):
                self.env[name] = join(old, new)
        start = dict(self.env)
        self.block(body)
        for name, old in start.items():
            new = self.env.get(name)
            if isinstance(old, Tensor) and isinstance(new, Tensor) and new.last != old.last:
                alike(new, old)
                self.insert_after(body[-1], f"{name} = {relaid(name, new, old.last)}")
                self.uses_ops = True
                self.env[name] = replace(new, last=old.last)
        self.dead = False

    def do_With(self, node: ast.With) -> None:
        paths = [self.without_gradient(item) for item in node.items]
        if len(paths) == 1 and paths[0]:
            self.stopped(node)
            return
        for item in node.items:
            if any(id(n) in self.program.paths for n in ast.walk(item.context_expr)):
                raise Left(f"with {self.source(item.context_expr)}")
        self.block(node.body)

    def without_gradient(self, item: ast.withitem) -> bool:
        call = item.context_expr
        path = self.program.paths.get(id(call.func), "") if isinstance(call, ast.Call) else ""
        return path in ("torch.no_grad", "torch.inference_mode")

    def stopped(self, node: ast.With) -> None:
        """`with torch.no_grad():` over assignments: no gradient goes back through what they give."""
        start, first = self.references.start(node), self.references.start(node.body[0])
        indent = self.references.data[self.references.line_start(start) : start]
        inner = self.references.data[self.references.line_start(first) : first]
        simple = all(isinstance(s, ast.Assign | ast.Return) and s.lineno == s.end_lineno for s in node.body)
        if not simple or indent.strip() or inner.strip() or node.body[0].lineno == node.lineno:
            raise Left("with torch.no_grad() around more than assignments")
        self.edits.append(Edit(start, first, ""))
        for statement in node.body:
            assert isinstance(statement, ast.Assign | ast.Return)
            if statement is not node.body[0]:
                at = self.references.start(statement)
                self.edits.append(Edit(self.references.line_start(at), at, indent.decode()))
            before = len(self.edits)
            self.gradient_stops = True
            try:
                self.statement(statement)
            finally:
                self.gradient_stops = False
            if len(self.edits) > before + 1:
                raise Left("with torch.no_grad() around more than assignments")

    def do_Delete(self, node: ast.Delete) -> None:
        return


def alike(a: Tensor, b: Tensor) -> bool:
    """Whether both are of one rank; one that is not known is taken to be the other's."""
    if None in (a.rank.value, b.rank.value):
        a.rank.unify(b.rank)
    return a.rank.value == b.rank.value
