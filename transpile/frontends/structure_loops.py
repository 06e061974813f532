"""Loops around layers: one walk of the body for all passes, and channels that change from pass to pass."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import libcst as cst

from transpile.frontends.blocks import names_in, simple_statements
from transpile.frontends.portable import free_names
from transpile.frontends.scope import Run, Unstructured, target_names, with_values
from transpile.frontends.structure_nodes import NodeReader
from transpile.interpret.uncertainty import carried_names
from transpile.ir import FREE, Dim, Expr, Loop, Plain, Shape, Statement


class LoopReader(NodeReader):
    """Reads `for` statements."""

    _carrying: Mapping[str, str] = MappingProxyType(
        {}
    )  # tensors of the loop around, with the variables of their channels

    def walk(self, body: Sequence[cst.CSTNode], runs: list[Run]) -> list[Statement]:
        """The statements of a block, executed by all of `runs`."""
        raise NotImplementedError

    def touches(self, statement: cst.CSTNode, runs: list[Run]) -> bool:
        """Whether layers are applied, or tensors read, inside a statement."""
        raise NotImplementedError

    def stays(self, runs: list[Run]) -> bool:
        """Whether plain statements here stay where they are, before the construction of the model."""
        return self.home is not None and not runs[0].loops and not self.arms

    def _for(self, statement: cst.For, runs: list[Run]) -> list[Statement]:
        if not self.touches(statement, runs):
            if self.stays(runs):
                return []
            raise Unstructured("a loop of plain Python in a helper")
        if statement.orelse is not None or names_in(statement.iter)[0] & self.state.shapes.keys():
            raise Unstructured("a loop over tensors")
        passes = [self.recorded.passes(statement, run) for run in runs]
        if any(p is None for p in passes) or not any(passes):
            raise Unstructured("a loop of which the passes are not known")
        self.state.local |= (
            names_in(cst.Assign([cst.AssignTarget(statement.target)], cst.Name("_")))[1] | names_in(statement.target)[0]
        )
        saved, entry = self.state.copy(), dict(self.state.shapes)
        body, ends = self._pass(statement, runs, [p or 0 for p in passes])
        assigned = {n for s in simple_statements(statement) for n in target_names(s) or ()}
        handed = carried_names(statement.body)
        kept = {n: s for n, s in entry.items() if n in handed or n not in assigned}
        carried = self._carried(kept, self.state.shapes, assigned)
        if carried:
            self.state = saved
            return self._with_channels(statement, runs, [p or 0 for p in passes], carried)
        self._leave(runs, ends)
        return [self._loop(statement, body)]

    def _loop(self, statement: cst.For, body: Sequence[Statement]) -> Loop:
        code = self.source.code
        return Loop(code(statement.target), Expr(code(statement.iter)), tuple(body))

    def _pass(self, statement: cst.For, runs: list[Run], passes: list[int]) -> tuple[list[Statement], list[list[Run]]]:
        """Walks a loop's body over all passes of all runs."""
        inner: list[list[Run]] = []
        for run, count in zip(runs, passes):
            series = []
            for i in range(count):
                first = i == 0 and run.assumed is None
                env = dict(run.env) if first else {}
                series.append(Run(run.frame, (*run.loops, (statement, i)), env, None if first else {}))
            inner.append(series)
        flat = [r for series in inner for r in series]
        flat.sort(key=lambda r: r.assumed is not None)
        body = self.walk(statement.body.body, flat)
        for run, series in zip(runs, inner):
            for before, after in itertools.pairwise(series):
                for name, tensor in (after.assumed or {}).items():
                    if before.env.get(name, run.env.get(name)) is not tensor:
                        raise Unstructured("a tensor that does not come from the pass before")
        return body, inner

    def _leave(self, runs: list[Run], inner: list[list[Run]]) -> None:
        for run, series in zip(runs, inner):
            if series:
                for name, tensor in series[-1].env.items():
                    run.env.pop(name, None)
                    run.env[name] = tensor

    @staticmethod
    def _carried(entry: dict[str, Shape | None], end: dict[str, Shape | None], assigned: set[str]) -> list[str]:
        """The tensors whose number of channels a pass changes: it, or what its text means."""
        names = []
        for name, shape in entry.items():
            after = end.get(name)
            if shape is None or after is None:
                if (shape is None) != (after is None):
                    raise Unstructured("a shape that is lost in a loop")
                continue
            if len(shape) != len(after):
                raise Unstructured("a loop changes the rank of a tensor")
            if shape[-1].text != after[-1].text or assigned & (free_names(shape[-1].text) or set()):
                names.append(name)
        return names

    def _with_channels(
        self, statement: cst.For, runs: list[Run], passes: list[int], carried: list[str]
    ) -> list[Statement]:
        """The loop again, with the changing number of channels in a variable."""
        before: list[Statement] = []
        variables: dict[str, str] = {}
        texts: dict[str, str] = {}
        for name in carried:
            shape = self.state.shapes[name]
            assert shape is not None
            text = shape[-1].text
            variable = texts.get(text)
            if variable is None and self._is_ours(text, name):
                variable = texts[text] = text
            if variable is None:
                variable = self._fresh("channels" if not texts else f"{name}_channels")
                texts[text] = variable
                before.append(Plain(f"{variable} = {text}", "init"))
                if not text:
                    raise Unstructured("a number of channels that has no text")
            variables[name] = variable
            spatial = tuple(FREE for _ in shape[1:-1])
            self.state.shapes[name] = (shape[0], *spatial, Expr(variable))
        outer, self._carrying = self._carrying, variables
        body, ends = self._pass(statement, runs, passes)
        self._carrying = outer
        updates: dict[str, str] = {}
        for name, variable in variables.items():
            shape = self.state.shapes[name]
            text = shape[-1].text if shape else ""
            if not text or updates.setdefault(variable, text) != text:
                raise Unstructured("a number of channels that has no text")
            assert shape is not None
            self.state.shapes[name] = (*shape[:-1], Expr(variable))
        body += [Plain(f"{v} = {t}", "init") for v, t in updates.items() if v != t]
        self._leave(runs, ends)
        for name in carried:
            shapes = [run.env[name].shape for run in runs if name in run.env]
            self.state.shapes[name] = with_values(_open(self.state.shapes[name]), shapes)
        return [*before, self._loop(statement, body)]

    def _kept_channels(self, assigned: set[str]) -> list[Statement]:
        """In front of `width *= 2`: the channels of a tensor that was made with the old width keep their number."""
        kept: dict[str, str] = {}
        for name, shape in self.state.shapes.items():
            if shape is None or not any(assigned & (free_names(dim.text) or set()) for dim in shape if dim.text):
                continue
            text, space = shape[-1].text, [_closed(dim, assigned) for dim in shape[:-1]]
            if not assigned & (free_names(text) or set()):
                self.state.shapes[name] = (*space, shape[-1])
                continue
            if text not in kept:
                kept[text] = self._variable_for(name)
            self.state.shapes[name] = (*space, Expr(kept[text], shape[-1].value))
        return [Plain(f"{variable} = {text}", "init") for text, variable in kept.items()]

    def _variable_for(self, name: str) -> str:
        """Where to keep the channels of a tensor: in the loop's own variable for them, if nothing else needs it."""
        variable = self._carrying.get(name)
        others = [s for n, s in self.state.shapes.items() if n != name and s is not None]
        if variable and not any(variable in (free_names(d.text) or ()) for s in others for d in s if d.text):
            return variable
        return self._fresh(f"{name}_channels")

    def _is_ours(self, text: str, name: str) -> bool:
        """Whether the channels are in a variable of an outer loop that nothing else depends on."""
        others = [s for n, s in self.state.shapes.items() if n != name and s is not None]
        return text in self.counters and not any(text in (free_names(s[-1].text) or ()) for s in others if s[-1].text)

    def _fresh(self, name: str) -> str:
        taken = self.params | self.state.local | self.state.shapes.keys() | self.source.used_names
        while name in taken:
            name = f"in_{name}" if not name.startswith("in_") else f"{name}_"
        self.state.local.add(name)
        self.counters.add(name)
        return name


def _open(shape: Shape | None) -> Shape | None:
    return shape if shape is None else tuple(Expr(d.text) if not d.text.isdigit() else d for d in shape)


def _closed(dim: Dim, assigned: set[str]) -> Dim:
    """An extent in space, without the text that means something else from here on."""
    return FREE if dim.text and assigned & (free_names(dim.text) or set()) else dim
