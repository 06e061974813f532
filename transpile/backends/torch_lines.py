"""What callbacks are written with: statements around the loop, and names that are free."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields


@dataclass
class Lines:
    """Statements by their place in the loop, and functions by the moment of a pass.

    before: the loop. begin, end: of an epoch. test_begin, test_end: around the validation. stop:
    at the very end of an epoch, where it may be the last. after: the loop. The others are
    functions that `run_epoch` calls with each batch.
    """

    before: list[str] = field(default_factory=list)
    begin: list[str] = field(default_factory=list)
    test_begin: list[str] = field(default_factory=list)
    test_end: list[str] = field(default_factory=list)
    end: list[str] = field(default_factory=list)
    stop: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    batch_begin: list[str] = field(default_factory=list)
    batch_end: list[str] = field(default_factory=list)
    test_batch_begin: list[str] = field(default_factory=list)
    test_batch_end: list[str] = field(default_factory=list)

    def add(self, other: Lines) -> None:
        """The statements of another callback behind those of this one."""
        for part in fields(self):
            getattr(self, part.name).extend(getattr(other, part.name))


@dataclass
class Scope:
    """Where callbacks are written: the texts of the loop's parts.

    `keys` are those that the logs have in every epoch, `late` those of validations that are left
    out in some epochs. `writes_folder`: whether the program makes that folder itself.
    """

    model: str
    optimizer: str
    logs: str
    name: Callable[[str], str]
    keys: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    rate_key: str = ""
    momentum: bool = False  # the velocity must follow the rate
    start: str = "0"
    params: dict[str, str] = field(default_factory=dict)
    validation: str = ""
    makes_folder: Callable[[str], bool] = lambda text: False
    answers: dict[object, str] = field(default_factory=dict)  # by the nodes that ask a callback for something
    _used: set[str] = field(default_factory=set)

    def fresh(self, wish: str) -> str:
        """A name of its own for something that two callbacks may both have."""
        count, found = 1, self.name(wish)
        while found in self._used:
            count += 1
            found = self.name(f"{wish}_{count}")
        self._used.add(found)
        return found

    def answer(self, asked: Mapping[str, tuple[object, ...]], names: Mapping[str, str]) -> None:
        """What stands where the program asks a callback for its attributes."""
        for attribute, nodes in asked.items():
            self.answers |= dict.fromkeys(nodes, names[attribute])

    def value(self, monitor: str) -> str:
        """What a callback monitors."""
        return f'{self.logs}["{monitor}"]'

    def where_known(self, monitor: str, lines: list[str]) -> list[str]:
        """Lines that need a value which is not computed in every epoch."""
        if monitor not in self.late:
            return lines
        return [f'if "{monitor}" in {self.logs}:', *indented(lines)]

    def changing(self, lines: list[str]) -> list[str]:
        """Lines that change the learning rate."""
        if not self.momentum:
            return lines
        rate = self.name("old_rate")
        return [
            f'{rate} = {self.optimizer}.param_groups[0]["lr"]',
            *lines,
            f"rescale_momentum({self.optimizer}, {rate})",
        ]


@dataclass(frozen=True, slots=True)
class Moments:
    """At which moments of a pass the callbacks of a program want to be called.

    `stops`: whether one of them may end the training between two batches. `weighted`: a batch
    contains the weights of its samples. `counts`: the number of samples is only known once they
    are seen. `restores`: a callback between two batches may predict, which leaves the model in its
    mode for that.
    """

    begins: bool = False
    ends: bool = False
    stops: bool = False
    weighted: bool = False
    counts: bool = False
    restores: bool = False


def indented(lines: list[str]) -> list[str]:
    """The lines one level further in."""
    return [f"    {part}" if part else part for line in lines for part in line.split("\n")]


def guarded(test: str, body: list[str], orelse: list[str]) -> list[str]:
    """The lines of an `if` around what two arms do."""
    if not body and not orelse:
        return []
    if not body:
        return [f"if not ({test}):", *indented(orelse)]
    lines = [f"if {test}:", *indented(body)]
    if orelse and orelse[0].startswith("if ") and all(s.startswith((" ", "elif ", "else:")) for s in orelse[1:]):
        return [*lines, f"el{orelse[0]}", *orelse[1:]]
    return [*lines, "else:", *indented(orelse)] if orelse else lines
