"""Tensors that come about in one of two ways: which variable holds them, and the branches around both ways.

For models that are written out layer by layer. Both ways leave the tensor in one variable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transpile.interpret.values import Apply, Arm, Phi, Tensor
from transpile.ir import Branch, Plain, Statement


@dataclass(frozen=True)
class Choice:
    """A tensor that is one of two, and the condition that decides."""

    tensor: Tensor
    arm: Arm
    ways: tuple[Tensor, Tensor]  # where the condition holds, and where it does not

    def side(self, taken: bool) -> tuple[int, bool]:
        """One way of the condition."""
        return self.arm.begun, taken


def choices_of(applies: Sequence[Apply], outputs: Sequence[Tensor]) -> list[Choice]:
    """Every tensor of a model that a condition of the running program decides, in the order of the conditions."""
    found: dict[int, Choice] = {}
    stack = [*(t for a in applies for t in a.inputs), *outputs]
    while stack:
        tensor = stack.pop()
        source = tensor.source
        if isinstance(source, Phi) and source.arm is not None and id(tensor) not in found:
            first, second = source.choices
            found[id(tensor)] = Choice(tensor, source.arm, (first, second))
            stack += source.choices
    return sorted(found.values(), key=lambda c: c.arm.begun)


def extend(last_use: dict[int, int], choices: Sequence[Choice], applies: Sequence[Apply]) -> None:
    """Each of two tensors is needed as long as the one that it may become."""
    for choice in reversed(choices):
        until = max(last_use.get(id(choice.tensor), -1), _end(choice.arm, applies))
        for way in choice.ways:
            last_use[id(way)] = max(last_use.get(id(way), -1), until)


def _end(arm: Arm, applies: Sequence[Apply]) -> int:
    """The place of the last application inside a condition."""
    inside = [i for i, a in enumerate(applies) if any(x.begun == arm.begun for x in a.arms)]
    return max(inside, default=-1)


class ChoiceNames:
    """Names the tensors that conditions decide, beside the `names` of all others.

    `copies`: what each way assigns at its end, by condition and way.
    """

    def __init__(
        self, names: dict[int, str], choices: Sequence[Choice], applies: Sequence[Apply], outputs: Sequence[Tensor]
    ) -> None:
        self._names, self._choices, self._applies, self._outputs = names, choices, applies, outputs
        self.copies: dict[tuple[int, bool], list[tuple[str, str]]] = {}
        ordered = _inner_first(choices)
        for choice in reversed(ordered):
            names.setdefault(id(choice.tensor), self._name(choice))
            self._name_inner(choice)
        for choice in ordered:
            self._assign(choice)

    def _readers(self, tensor: Tensor) -> int:
        """How many applications, choices and outputs read a tensor."""
        read = sum(t is tensor for a in self._applies for t in a.inputs) + sum(t is tensor for t in self._outputs)
        return read + sum(t is tensor for c in self._choices for t in c.ways)

    def _name(self, choice: Choice) -> str:
        """The user's name, if one of the two has it and nothing reads that one later; else one of its own."""
        hint, taken = choice.tensor.variable, set(self._names.values())
        if hint not in taken:
            return hint
        end = _end(choice.arm, self._applies)
        for way in choice.ways:
            later = any(way in a.inputs for a in self._applies[end + 1 :]) or any(t is way for t in self._outputs)
            others = [c for c in self._choices if c is not choice and any(w is way for w in c.ways)]
            if self._names.get(id(way)) == hint and not later and not others:
                return hint
        number = 1
        while f"{hint}_{number}" in taken:
            number += 1
        return f"{hint}_{number}"

    def _name_inner(self, choice: Choice) -> None:
        """What a condition inside of a way decides, and only this choice reads, has its name."""
        name = self._names[id(choice.tensor)]
        for way, taken in zip(choice.ways, (True, False)):
            inner = next((c for c in self._choices if c.tensor is way), None)
            if inner is None or self._readers(way) != 1 or not _is_inside(inner.arm, *choice.side(taken)):
                continue
            if self._is_untouched(name, _end(inner.arm, self._applies), choice, taken):
                self._names[id(way)] = name

    def _assign(self, choice: Choice) -> None:
        """Each way leaves its tensor in the variable: it is made there, or assigned at the end."""
        name = self._names[id(choice.tensor)]
        for way, taken in zip(choice.ways, (True, False)):
            source = way.source
            if self._names[id(way)] == name:
                continue
            if isinstance(source, Apply) and _is_inside(source, *choice.side(taken)) and len(source.outputs) == 1:
                after = self._applies.index(source)
                if self._readers(way) == 1 and self._is_untouched(name, after, choice, taken):
                    self._names |= {id(t): name for t in (way, *(source.inputs if source.fused else ()))}
                    continue
            self.copies.setdefault(choice.side(taken), []).append((name, self._names[id(way)]))

    def _is_untouched(self, name: str, after: int, choice: Choice, taken: bool) -> bool:
        """Whether no application of a way behind a place reads or binds a variable."""
        inside = [a for a in self._applies[after + 1 :] if _is_inside(a, *choice.side(taken))]
        return not any(self._names.get(id(t)) == name for a in inside for t in (*a.inputs, *a.outputs))


def _inner_first(choices: Sequence[Choice]) -> list[Choice]:
    """In an order in which what a choice may become is there before it."""
    ordered: list[Choice] = []
    waiting = list(choices)
    while waiting:
        later = {id(c.tensor) for c in waiting}
        ready = [c for c in waiting if not any(id(w) in later for w in c.ways)]
        ordered += ready
        waiting = [c for c in waiting if c not in ready]
    return ordered


class Branches:
    """Puts the statements of applications into the branches of the conditions around them."""

    def __init__(
        self, applies: Sequence[Apply], chunks: Sequence[Sequence[Statement]], choices: Sequence[Choice],
        copies: dict[tuple[int, bool], list[tuple[str, str]]], texts: dict[int, str],
    ) -> None:  # fmt: skip
        self._chunks = {id(a): chunk for a, chunk in zip(applies, chunks)}
        self._copies, self._texts = copies, texts
        arms = {x.begun: x for x in arms_of(applies, choices)}
        parts: dict[int, Apply | Arm] = {a.order: a for a in applies}
        self.body = self._write([part for _, part in sorted((parts | arms).items())])

    def _write(self, parts: list[Apply | Arm]) -> list[Statement]:
        result: list[Statement] = []
        while parts:
            part, *parts = parts
            if isinstance(part, Apply):
                result += self._chunks[id(part)]
                continue
            ways: list[list[Statement]] = []
            for taken in (True, False):
                inner = [p for p in parts if _is_inside(p, part.begun, taken)]
                copies = self._copies.get((part.begun, taken), [])
                ways.append([*self._write(inner), *(Plain(f"{n} = {v}", "forward") for n, v in copies)])
                parts = [p for p in parts if p not in inner]
            result.append(Branch(self._texts[part.begun], tuple(ways[0]), tuple(ways[1])))
        return result


def _is_inside(part: Apply | Arm, begun: int, taken: bool) -> bool:
    around = part.arms if isinstance(part, Apply) else part.around
    return any(x.begun == begun and x.taken is taken for x in around)


def arms_of(applies: Sequence[Apply], choices: Sequence[Choice]) -> list[Arm]:
    """The conditions around applications, and those that decide between tensors."""
    found = [x for a in applies for x in a.arms] + [x for c in choices for x in (*c.arm.around, c.arm)]
    return list({x.begun: x for x in found}.values())


def are_independent(copies: Sequence[tuple[str, str]]) -> bool:
    """Whether assignments mean the same one after the other as they do at once."""
    return not any(name == value for i, (name, _) in enumerate(copies) for _, value in copies[i + 1 :])
