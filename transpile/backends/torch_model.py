"""ir.Model -> an nn.Sequential, or a class."""

from __future__ import annotations

import re
from collections.abc import Sequence

from transpile.backends import torch_loops
from transpile.backends.templates import render
from transpile.backends.torch_init import grouped_init
from transpile.backends.torch_names import local_names, stored_in_method, stored_names
from transpile.backends.torch_nodes import (
    CannotWrite,
    add_extras,
    atomic,
    common_setup,
    construct_helper,
    filled,
    has_extras,
    initial,
    lowered,
)
from transpile.backends.torch_regularization import Extras, Unsupported, activity
from transpile.backends.torch_unread import without_unread
from transpile.backends.written_model import Written
from transpile.frontends.frozen_parts import ARGUMENT as FROZEN
from transpile.frontends.frozen_parts import asked, kinds_of
from transpile.frontends.keras_model import ADDED_LOSS
from transpile.ir import Branch, Loop, Model, Node, Plain, Statement, nodes_in
from transpile.ops.regularization import ACTIVITY
from transpile.passes.layout import TO_KERAS, TO_TORCH, rank_of, to_keras, to_torch

Blocks = Sequence[tuple[str, Written]]
_CONV_COMMENT = "  # channels first, as PyTorch convolves"
_FLATTEN_COMMENT = "  # channels last, as the weights expect"


def write_sequential(model: Model, style: str, external: dict[str, str]) -> Written | None:
    """The model as nn.Sequential; None where that cannot say it."""
    parts: list[str] = []
    written = Written("", regularized=False)
    inits: list[tuple[str, list[str]]] = []
    for node in model.body:
        if not isinstance(node, Node) or node.mask or any(node.converted) or node.layout == "torch":
            return None
        if "call:training" in node.args or "call:form" in node.args or FROZEN in node.args:
            return None
        if node.op == "model":
            parts.append(external[node.name])
            written.paths[node.name] = str(len(parts) - 1)
            continue
        if node.op == "block" and len(node.inputs) == len(node.outputs) == 1:
            parts.append(construct_helper(node))
            written.paths[node.name] = str(len(parts) - 1)
            continue
        low = lowered(node, style, in_class=False)
        if low.call != "{module}({x})" or not low.module or has_extras(node):
            return None
        index = str(len(parts))
        parts.append("\n".join([*node.comments, low.module]))
        written.helpers += low.helpers
        written.notes += [(c, m, node) for c, m in low.diagnostics]
        if node.name:
            written.paths[node.name] = index
        target = "{model}[" + index + "]"
        lines = [] if "nn.Lazy" in low.module else initial(node, target, style)
        setup = [*lines, *(s.replace("{module}", target) for s in [*low.setup, *common_setup(node)])]
        inits.append((target, setup))
    if model.outputs and model.body and _output(model) != model.outputs[0]:
        return None
    written.construct = "nn.Sequential(" + ",\n".join(parts) + "\n)"
    written.after = tuple(grouped_init(inits))
    return written


def _output(model: Model) -> str:
    last = model.body[-1]
    return last.outputs[0] if isinstance(last, Node) else ""


class ClassWriter:
    """Writes one model as a class."""

    def __init__(self, model: Model, style: str, external: dict[str, str]) -> None:
        self.model = model
        self.style = style
        self.external = external  # attribute -> expression that gives the shared module
        self.init: list[str] = []
        self.inits: list[tuple[str, list[str]]] = []
        self.extras = Extras()
        self.made: set[str] = set()
        self.nested = False  # inside a loop or branch: a module's setup follows it at once
        self.modes: list[str] = []  # statements that fix the mode of a module
        self.written = Written("")

    def write(self, blocks: Blocks = ()) -> Written:
        """The class. `blocks` are the classes of the helpers inside it. Raises CannotWrite."""
        forward = self._body(self.model.body)
        forward = _with_return(forward, self._returned())
        if self.model.style != "block":
            self.extras.kinds = [name for name, block in blocks if block.regularized]
            self.extras.bounded_kinds = [name for name, block in blocks if block.constrained]
        methods = [self._train_method()] if self.modes else []
        methods += self.extras.methods()
        init = [*self.init]
        setup = grouped_init(self.inits)
        if setup:
            init += ["", *setup] if init else setup
        names = self._constructor_names()
        stored, forward = stored_names(names, without_unread(forward))
        for i, method in enumerate(methods):
            more, methods[i] = stored_in_method(names, method)
            stored += [line for line in more if line not in stored]
        init = [*sorted(stored), *init]
        text = render(
            "torch/module.py.j2",
            name=self.model.class_name,
            docstring=self.model.docstring,
            params=list(self.model.params),
            init=init,
            inputs=[i.name for i in self.model.inputs],
            forward=forward,
            methods=methods,
        )
        self.written.definition = text
        self.written.regularized, self.written.constrained = self.extras.regularized, self.extras.constrained
        self.written.noted = self.extras.noted
        return self.written

    def _constructor_names(self) -> set[str]:
        """The names that exist in the constructor only: its parameters and local variables."""
        names = {p.partition("=")[0] for p in self.model.params}
        for line in self.init:
            names |= local_names(line)
        return names

    def _returned(self) -> str:
        results = []
        shapes = {name: shape for node in nodes_in(self.model.body) for name, shape in zip(node.outputs, node.shapes)}
        for name, layout in zip(self.model.outputs, self.model.output_layouts):
            rank = rank_of(shapes.get(name), "")
            results.append(to_keras(name, rank) if layout == "torch" and rank else name)
        return ", ".join(results)

    def _body(self, body: Sequence[Statement]) -> list[str]:
        lines: list[str] = []
        pending = ""  # the call that a fused activation wraps
        for at, statement in enumerate(body):
            if isinstance(statement, Plain):
                (lines if statement.where == "forward" else self.init).append(statement.text)
                continue
            if isinstance(statement, Loop | Branch):
                lines += torch_loops.write(self, statement)
                continue
            if statement.op in (TO_TORCH, TO_KERAS):
                lines.append(_permuted(statement, lines))
                continue
            if statement.op == ADDED_LOSS:
                lines.append(self.extras.adding(statement))
                continue
            if statement.op == ACTIVITY.name:
                lines += self._activity(statement)
                continue
            made = statement.name in self.made
            expression, comment = self._call(statement, pending)
            pending = ""
            if made or statement.name not in self.made:
                lines += statement.comments  # it has no line in the constructor
            following = body[at + 1] if at + 1 < len(body) else None
            if self._wraps(statement, following):
                pending = expression
                continue
            target = ", ".join(statement.outputs)
            if expression != target:
                lines.append(f"{target} = {expression}{comment}")
        return lines

    def _activity(self, node: Node) -> list[str]:
        """The statements that note a penalty on what a layer gave."""
        try:
            lines = activity(node, first=not self.extras.activity)
        except Unsupported as error:
            raise CannotWrite(error.code, error.message, node) from None
        self.extras.activity |= bool(lines)
        self.extras.noted |= bool(lines)
        return [*lines, *([f"{node.outputs[0]} = {node.inputs[0]}"] if node.outputs != node.inputs else [])]

    def _wraps(self, node: Node, following: Statement | None) -> bool:
        """Whether the next node is the activation of this one and nothing else reads it."""
        return (
            isinstance(following, Node)
            and following.fused
            and len(node.outputs) == 1
            and following.inputs == node.outputs
            and not any(following.converted)
            and node.outputs[0] == following.outputs[0]
        )

    def _call(self, node: Node, inner: str) -> tuple[str, str]:
        """The expression that applies a node, and a comment for its line."""
        inputs = [inner or node.inputs[0], *node.inputs[1:]] if node.inputs else []
        comment = ""
        for i, wish in enumerate(node.converted):
            shape = node.input_shapes[i] if i < len(node.input_shapes) else None
            rank = rank_of(shape, node.op)
            if wish and rank is None:
                raise CannotWrite("K2T111", "the rank of this tensor is not known", node)
            if wish and rank is not None:
                convert = to_keras if wish == "keras" else to_torch
                inputs[i] = convert(inputs[i], rank)
                comment = _FLATTEN_COMMENT if node.op == "flatten" else ""
        if node.op in ("block", "model") and node.name in self.made and "has:notes" in node.args:
            message = "a part with a penalty on its activations is applied twice"
            raise CannotWrite("K2T107", message, node)
        if node.op == "block":
            self._module(node, construct_helper(node), [])
            return _applied(node, inputs), comment
        if node.op == "model":
            self._module(node, self.external[node.name], [])
            return f"self.{node.name}({', '.join(inputs)})", comment
        low = lowered(node, self.style, in_class=True)
        self.written.helpers += low.helpers
        self.written.notes += [(c, m, node) for c, m in low.diagnostics]
        if low.module:
            setup = [*low.setup, *common_setup(node)]
            self._module(node, low.module, setup)
        elif "call:training" in node.args:
            raise CannotWrite("K2T104", "training= cannot be converted here", node)
        values = {
            "module": f"self.{node.name}",
            "x": inputs[0] if inputs else "",
            "xs": ", ".join(inputs),
        }
        values |= {f"x{i}": x for i, x in enumerate(inputs)}
        return filled(low.call, values), comment

    def _fix_mode(self, node: Node) -> None:
        """`training=False` (or True) at the call: the module stays in that mode."""
        if FROZEN in node.args:
            self._freeze_statistics(node)
        mode = node.args.get("call:training")
        if mode is None:
            return
        moody = node.op.endswith(("dropout", "dropout1d", "dropout2d", "dropout3d", "noise"))
        moody |= node.op.startswith("batch_norm")
        if self.nested or not (mode.value is False or (mode.value is True and moody)):
            raise CannotWrite("K2T105", f"training={mode.text} cannot be converted here", node)
        text = f"{node.name} is called with training={mode.value} and keeps that mode, as in Keras 2"
        self.written.notes.append(("K2T360", f"{text}; in Keras 3 the mode of the whole model wins", node))
        line = f"self.{node.name}.{'train' if mode.value else 'eval'}()"
        if line not in self.modes:
            self.modes.append(line)

    def _freeze_statistics(self, node: Node) -> None:
        lines = (
            f"for module in self.{node.name}.modules():\n"
            f"    if isinstance(module, {kinds_of(node.args[FROZEN])}){asked(node)}:\n"
            "        module.eval()"
        )
        if lines not in self.modes:
            self.modes.append(lines)

    def _train_method(self) -> str:
        body = "\n".join(f"    {line}" for lines in self.modes for line in lines.split("\n"))
        what = "what is called with a fixed training= keeps its own"
        if all(line.startswith("for ") for line in self.modes):
            what = "batch normalization that is frozen keeps its statistics"
        return (
            "def train(self, mode=True):\n"
            f'    """Sets the mode; {what}."""\n'
            f"    super().train(mode)\n{body}\n    return self"
        )

    def _module(self, node: Node, module: str, setup: list[str]) -> None:
        name = node.name
        self._fix_mode(node)
        if name in self.made:
            return
        self.made.add(name)
        self.init += node.comments
        shared = self.external.get(name)
        target = f"self.{name}"
        self.init.append(f"{target} = {shared or module}")
        self.written.paths[name] = name
        self.written.helpers += add_extras(self.extras, node, target)
        if node.op == "block":
            return
        if shared is not None:
            return
        lines = [] if "nn.Lazy" in module else initial(node, target, self.style)
        lines += [s.replace("{module}", target) for s in setup]
        if self.nested:
            self.init += lines
        else:
            self.inits.append((target, lines))


def _permuted(node: Node, before: Sequence[str]) -> str:
    """A variable put into the other layout. Raises CannotWrite."""
    x, rank = node.inputs[0], node.args["rank"].value
    if not isinstance(rank, int):
        raise CannotWrite("K2T111", "the rank of this tensor is not known", node)
    if node.op == TO_KERAS:
        return f"{x} = {to_keras(x, rank)}"
    comment = "" if any(_CONV_COMMENT in line for line in before) else _CONV_COMMENT
    return f"{x} = {to_torch(x, rank)}{comment}"


def _applied(node: Node, inputs: list[str]) -> str:
    """The call of a helper's class, its arguments in the form in which they were given."""
    form = node.args.get("call:form")
    given = ", ".join(inputs)
    if form is not None:
        given = filled(str(form.value), {f"x{i}": x for i, x in enumerate(inputs)})
    return f"self.{node.name}({given})"


def _with_return(lines: list[str], returned: str) -> list[str]:
    """The lines with `return`, merged into the last assignment where that reads better."""
    if lines and "," not in returned:
        head, _, expression = lines[-1].partition(" = ")
        if head.isidentifier() and expression:
            if returned == head:
                return [*lines[:-1], f"return {expression}"]
            used = re.findall(rf"\b{head}\b", returned)
            if len(used) == 1 and returned.startswith(head + ".") and "#" not in expression and atomic(expression):
                return [*lines[:-1], "return " + expression + returned.removeprefix(head)]
    return [*lines, f"return {returned}"]


def write_model(
    model: Model,
    style: str,
    external: dict[str, str],
    blocks: Blocks = (),
    as_class: bool = False,
) -> Written:
    """The model in PyTorch's words: nn.Sequential where that says it, else a class.

    Raises CannotWrite.
    """
    adds = any(isinstance(node, Node) and node.op == ADDED_LOSS for node in model.body)
    if model.style == "sequential" and len(model.inputs) == 1 and not as_class and not adds:
        written = write_sequential(model, style, external)
        if written is not None:
            return written
    return ClassWriter(model, style, external).write(blocks)
