"""The user's loops and branches around layers, in a constructor and in `forward`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from transpile.backends.torch_lines import guarded, indented
from transpile.backends.torch_nodes import CannotWrite, common_setup, construct_helper, has_extras, initial, lowered
from transpile.ir import Branch, Loop, Node, Plain, Statement, nodes_in

if TYPE_CHECKING:
    from transpile.backends.torch_model import ClassWriter


def write(writer: ClassWriter, statement: Loop | Branch) -> list[str]:
    """The forward lines of a loop or branch; the constructor's go to the writer."""
    if isinstance(statement, Branch):
        return _branch(writer, statement)
    chain = _chain(writer, statement)
    return chain if chain is not None else _module_lists(writer, statement)


def _branch(writer: ClassWriter, branch: Branch) -> list[str]:
    outer, writer.init, nested, writer.nested = writer.init, [], writer.nested, True
    before = writer.extras.copy()
    body = writer._body(branch.body)
    arm = writer.extras.since(before)
    first, writer.init = writer.init, []
    orelse = writer._body(branch.orelse)
    writer.extras.arms.append((branch.test, arm, writer.extras.since(before)))
    second, writer.init, writer.nested = writer.init, outer, nested
    writer.init += guarded(branch.test, first, second)
    return guarded(branch.test, body, orelse)


# A chain: every layer takes what the one before gave. It becomes nn.Sequential(*layers).


def _chain(writer: ClassWriter, loop: Loop) -> list[str] | None:
    variable = _chained(loop.body)
    if variable is None:
        return None
    nodes = nodes_in(loop.body)
    name = (
        f"{nodes[0].name}s"
        if len({n.args["class"].text if "class" in n.args else n.op for n in nodes}) == 1
        else "layers"
    )
    name = _unique(name, writer)
    parts = _appends(writer, loop, name)
    if parts is None:
        return None
    writer.made |= {n.name for n in nodes} | {name}
    writer.init += [f"{name} = []", *parts, f"self.{name} = nn.Sequential(*{name})"]
    return [f"{variable} = self.{name}({variable})"]


def _unique(name: str, writer: ClassWriter) -> str:
    taken = writer.made | {p.partition("=")[0] for p in writer.model.params}
    text = "\n".join(writer.init)
    candidate, count = name, 0
    while candidate in taken or re.search(rf"\b{candidate}\b", text):
        count += 1
        candidate = f"{name}_{count}"
    return candidate


def _chained(body: Sequence[Statement]) -> str | None:
    """The one variable that all nodes take and give; None if it is no chain."""
    nodes = nodes_in(body)
    variables = {(n.inputs, n.outputs) for n in nodes}
    if len(variables) != 1 or any(any(n.converted) or n.mask for n in nodes):
        return None
    inputs, outputs = variables.pop()
    plains = [s for s in _flat(body) if isinstance(s, Plain) and s.where != "init"]
    return inputs[0] if inputs == outputs and len(inputs) == 1 and not plains else None


def _flat(body: Sequence[Statement]) -> list[Statement]:
    found: list[Statement] = []
    for statement in body:
        found.append(statement)
        if isinstance(statement, Loop):
            found += _flat(statement.body)
        elif isinstance(statement, Branch):
            found += [*_flat(statement.body), *_flat(statement.orelse)]
    return found


def _appends(writer: ClassWriter, statement: Statement, name: str) -> list[str] | None:
    """The constructor lines that append the modules of a statement to a list."""
    match statement:
        case Plain():
            return [statement.text]
        case Node():
            return _append(writer, statement, name)
        case Loop():
            body = _all(writer, statement.body, name)
            head = f"for {statement.target} in {statement.iterable.text}:"
            return None if body is None else [*statement.comments, head, *indented(body)]
        case Branch():
            arms = _all(writer, statement.body, name), _all(writer, statement.orelse, name)
            if arms[0] is None or arms[1] is None:
                return None
            return guarded(statement.test, arms[0], arms[1])
    return None


def _all(writer: ClassWriter, body: Sequence[Statement], name: str) -> list[str] | None:
    lines: list[str] = []
    last = ""  # the module at the end of the list
    for statement in body:
        part = _appends(writer, statement, name)
        if part is None:
            return None
        if isinstance(statement, Plain) and (asked := re.findall(r"\bself\.(\w+)\.", statement.text)):
            if set(asked) != {last}:
                return None
            part = [re.sub(rf"\bself\.{last}\b", f"{name}[-1]", line) for line in part]
        last = statement.name if isinstance(statement, Node) else last if isinstance(statement, Plain) else ""
        lines += part
    return lines


def _append(writer: ClassWriter, node: Node, name: str) -> list[str] | None:
    if "call:training" in node.args:
        return None
    if node.op == "block":
        return [*node.comments, f"{name}.append({construct_helper(node)})"]
    low = lowered(node, writer.style, in_class=False)
    if low.call != "{module}({x})" or not low.module or has_extras(node):
        return None
    writer.written.helpers += low.helpers
    writer.written.notes += [(c, m, node) for c, m in low.diagnostics]
    target = f"{name}[-1]"
    setup = [s.replace("{module}", target) for s in [*low.setup, *common_setup(node)]]
    return [
        *node.comments,
        f"{name}.append({low.module})",
        *initial(node, target, writer.style),
        *setup,
    ]


# Otherwise: one nn.ModuleList per layer of the body, and the loop in forward.


def _module_lists(writer: ClassWriter, loop: Loop) -> list[str]:
    around, inner = _nest(loop)
    outer, writer.init, nested, writer.nested = writer.init, [], writer.nested, True
    made = set(writer.made)
    extras = writer.extras.size
    gates: dict[str, str] = {}
    forward: list[str] = []
    for part in _parts(inner.body):
        forward += _condition(writer, part, gates) if isinstance(part, Branch) else writer._body(part)
    lines, writer.init, writer.nested = writer.init, outer, nested
    names = [n.name for n in nodes_in(inner.body) if n.name in writer.made - made or n.name in gates]
    if not names or writer.extras.size != extras:
        raise CannotWrite("K2T109", "a loop without layers of its own, or with penalties or constraints", Node("loop"))
    lists = {n: gates.get(n) or _unique(f"{n}s", writer) for n in names}
    writer.made |= set(gates.values())
    writer.init += [f"self.{plural} = nn.ModuleList()" for plural in lists.values()]
    writer.init += _looped(around, inner, [_to_list(line, lists) for line in lines])
    forward = [_to_element(line, lists) for line in forward]
    targets = {name for level in (*around, inner) for name in re.findall(r"\w+", level.target)}
    if any(targets & set(re.findall(r"\w+", line)) for line in forward):
        raise CannotWrite("K2T109", "a loop variable in the computation itself", Node("loop"))
    elements = ", ".join(lists)
    source = ", ".join(f"self.{plural}" for plural in lists.values())
    head = f"for {elements} in {source}:" if len(lists) == 1 else f"for {elements} in zip({source}):"
    return [head, *indented(forward)]


def _nest(loop: Loop) -> tuple[list[Loop], Loop]:
    """Loops with nothing but one loop and plain Python in them, and the loop inside: in `forward` they are one."""
    loops = [s for s in loop.body if isinstance(s, Loop)]
    if not loops:
        return [], loop
    if len(loops) > 1 or any(nodes_in([s]) or _forwards([s]) for s in loop.body if not isinstance(s, Loop)):
        raise CannotWrite("K2T109", "a loop beside layers inside a loop", Node("loop"))
    around, inner = _nest(loops[0])
    return [loop, *around], inner


def _looped(around: Sequence[Loop], inner: Loop, lines: list[str]) -> list[str]:
    """The constructor's loops around the lines of the innermost one."""
    body = [*inner.comments, f"for {inner.target} in {inner.iterable.text}:", *indented(lines)]
    for level in reversed(around):
        at = next(i for i, s in enumerate(level.body) if isinstance(s, Loop))
        before, after = _plain_lines(level.body[:at]), _plain_lines(level.body[at + 1 :])
        body = [f"for {level.target} in {level.iterable.text}:", *indented([*before, *body, *after])]
    return body


def _plain_lines(body: Sequence[Statement]) -> list[str]:
    lines: list[str] = []
    for statement in body:
        if isinstance(statement, Plain):
            lines.append(statement.text)
        elif isinstance(statement, Branch):
            lines += guarded(statement.test, _plain_lines(statement.body), _plain_lines(statement.orelse))
    return lines


def _forwards(body: Sequence[Statement]) -> list[Plain]:
    return [s for s in _flat(body) if isinstance(s, Plain) and s.where != "init"]


def _parts(body: Sequence[Statement]) -> list[Branch | list[Statement]]:
    """The body, cut around the conditions that choose layers."""
    parts: list[Branch | list[Statement]] = [[]]
    for statement in body:
        if isinstance(statement, Branch) and (nodes_in([statement]) or _forwards([statement])):
            parts += [statement, []]
        elif isinstance(last := parts[-1], list):
            last.append(statement)
    return [part for part in parts if part]


def _condition(writer: ClassWriter, branch: Branch, gates: dict[str, str]) -> list[str]:
    """A condition in a loop: as modules to choose from, or kept in `forward` where the arms are more than modules."""
    before, made = list(writer.init), set(writer.made)
    trial = dict(gates)
    try:
        lines = _gate(writer, branch, trial)
    except CannotWrite:
        writer.init, writer.made = before, made
        return _kept(writer, branch)
    gates.update(trial)
    return lines


def _kept(writer: ClassWriter, branch: Branch) -> list[str]:
    """Both arms in `forward`; each list of modules gets nn.Identity() in the arm that does not use it."""
    outer, inits, forwards, own = writer.init, [], [], []
    for arm in (branch.body, branch.orelse):
        if any(isinstance(s, Loop) for s in arm):
            raise CannotWrite("K2T109", "a loop in a condition inside a loop", Node("loop"))
        made, writer.init, forward = set(writer.made), [], []
        for part in _parts(arm):
            forward += _kept(writer, part) if isinstance(part, Branch) else writer._body(part)
        own.append([n.name for n in nodes_in(arm) if n.name in writer.made - made])
        inits.append(writer.init)
        forwards.append(forward)
    idle = [[f"self.{name} = nn.Identity()" for name in dict.fromkeys(names)] for names in reversed(own)]
    writer.init = [*outer, *guarded(branch.test, [*inits[0], *idle[0]], [*inits[1], *idle[1]])]
    return guarded(branch.test, *forwards)


def _gate(writer: ClassWriter, branch: Branch, gates: dict[str, str]) -> list[str]:
    """`if i == 0: x = project(x)`: a list of modules, with nn.Identity() where nothing is applied."""
    nodes = nodes_in([branch])
    ends = {ends for arm in (branch.body, branch.orelse) if (ends := _ends(arm)) is not None}
    full = [any(not _counts(s) for s in _flat(arm)) for arm in (branch.body, branch.orelse)]
    lost = any(_ends(arm) is None and some for arm, some in zip((branch.body, branch.orelse), full))
    if lost or len(ends) != 1 or not nodes:
        raise CannotWrite("K2T109", "a condition inside a loop", Node("loop"))
    given, result = ends.pop()
    if given != result and not all(full):
        raise CannotWrite("K2T109", "a condition inside a loop", Node("loop"))
    name = nodes[0].name
    plural = gates[name] = _unique(f"{name}s", writer)
    arms = [_arm(writer, arm, plural) for arm in (branch.body, branch.orelse)]
    writer.init += guarded(branch.test, *arms)
    return [f"{result} = self.{name}({given})"]


def _counts(statement: Statement) -> bool:
    """Whether a statement only computes sizes, in the constructor."""
    return isinstance(statement, Plain) and statement.where == "init"


def _ends(arm: Sequence[Statement]) -> tuple[str, str] | None:
    """What a chain of layers (or `y = x` alone) takes and gives; None where it is no chain."""
    match arm:
        case [Plain(where="forward", text=text)] if alias := re.fullmatch(r"(\w+) = (\w+)", text):
            return alias[2], alias[1]
    nodes = [s for s in arm if isinstance(s, Node)]
    if not nodes or not all(map(_counts, arm[len(nodes) :])) or any(any(n.converted) or n.mask for n in nodes):
        return None
    if any(len(n.inputs) != 1 or len(n.outputs) != 1 for n in nodes):
        return None
    if any(after.inputs != before.outputs for before, after in itertools.pairwise(nodes)):
        return None
    if len({n.outputs for n in nodes}) > 1:
        return None  # what lies between may be read elsewhere
    return nodes[0].inputs[0], nodes[-1].outputs[0]


def _arm(writer: ClassWriter, arm: Sequence[Statement], plural: str) -> list[str]:
    """The constructor lines of one arm: one module more in the list."""
    nodes = [s for s in arm if isinstance(s, Node)]
    after = [s.text for s in arm if isinstance(s, Plain) and _counts(s)]
    if not nodes:
        return [f"self.{plural}.append(nn.Identity())", *after]
    parts = [_append(writer, node, f"self.{plural}" if len(nodes) == 1 else "modules") for node in nodes]
    if any(part is None for part in parts):
        raise CannotWrite("K2T109", "a condition inside a loop", Node("loop"))
    lines = [line for part in parts for line in part or ()]
    if len(lines) == len(nodes) > 1:
        members = ", ".join(line.removeprefix("modules.append(")[:-1] for line in lines)
        return [f"self.{plural}.append(nn.Sequential({members}))", *after]
    if len(nodes) > 1:
        lines = ["modules = []", *lines, f"self.{plural}.append(nn.Sequential(*modules))"]
    return [*lines, *after]


def _to_list(line: str, lists: dict[str, str]) -> str:
    for name, plural in lists.items():
        made = re.match(rf"(\s*)self\.{name} = (.*)$", line, re.S)
        if made:
            return f"{made.group(1)}self.{plural}.append({made.group(2)})"
        line = re.sub(rf"\bself\.{name}\b", f"self.{plural}[-1]", line)
    return line


def _to_element(line: str, lists: dict[str, str]) -> str:
    for name in lists:
        line = re.sub(rf"\bself\.{name}\b", name, line)
    return line
