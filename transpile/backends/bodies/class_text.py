"""The edits that make an nn.Module of a Keras class: its constructor, its weights, its forward."""

from __future__ import annotations

import ast
import sys
import textwrap

from transpile.backends.bodies.added_losses import write_method
from transpile.backends.bodies.calls import Refusal
from transpile.backends.bodies.class_bases import DROPPED, check_handed_on, check_overrides
from transpile.backends.bodies.class_init import Making
from transpile.backends.bodies.class_steps import METHODS, made_trackers, steps_of, tracked, write_compile, write_step
from transpile.backends.bodies.inference import root_of
from transpile.backends.bodies.kinds import TENSOR, UNSURE, Kind, in_layout, tensor
from transpile.backends.bodies.modules import Module, makes_mask, uses_mask
from transpile.backends.bodies.own_step import STEPS
from transpile.backends.bodies.walker import Env
from transpile.backends.torch_init import grouped_init
from transpile.interpret.values import Instance
from transpile.ir import FREE, Edit
from transpile.passes.layout import to_torch
from transpile.references import ROOTS
from transpile.splice import apply, fragment

OVERRIDES = frozenset(
    "train_step test_step predict_step compile fit evaluate predict make_train_function compute_loss compute_metrics "
    "metrics __call__ add_loss save load_weights".split()
)
FITS = ("fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch")
_REGISTRATIONS = ("register_keras_serializable",)
# Methods that get no tensors, and modules whose functions are known or take what both frameworks have.
_WITHOUT_TENSORS = frozenset("__init__ build get_config from_config compute_output_shape compute_mask".split())
_NOT_STRANGE = frozenset({*ROOTS, *sys.stdlib_module_names, "keras_core", "tensorflow", "numpy", "torch", "einops"})
_COMMENT = "  # channels first, as PyTorch convolves"


def one_line(text: str) -> str:
    """White space as single spaces."""
    return " ".join(text.split())


class Methods(Making):
    """One attempt at one class. After `run`: `edits`, `notes`."""

    def run(self) -> None:
        """All edits of the class. Raises Refusal or MixedLayout."""
        self._check_methods()
        check_handed_on(self.own)
        self._check_masks()
        self._check_flag()
        self._header()
        constructor, build = self.own.method("__init__"), self.own.method("build")
        self.making = True
        if constructor is not None:
            self.constructor(constructor)
        built = self._build(build) if build is not None else []
        self.making = False
        check_overrides(self.own, self.body.attributes)
        compiles = self.own.method("compile")
        if self.own.steps is not None and compiles is not None:
            write_compile(self, compiles)
        self.own.trained = self._is_trained()
        self._note_mode()
        self._note_strangers()
        for method in self.own.node.body:
            if not isinstance(method, ast.FunctionDef):
                self._other(method)
            elif method.name in DROPPED:
                self._delete(method)
            elif self.own.steps is not None and method.name in METHODS:
                self._of_step(method)
            elif method.name not in ("__init__", "build"):
                self._method(method)
        self._close(constructor, build, [*built, *made_trackers(self), *write_method(self)])
        if self.own.steps is not None:
            self.own.facts = steps_of(self)

    def _of_step(self, method: ast.FunctionDef) -> None:
        if method.name in STEPS:
            write_step(self, method)
        elif method.name == "metrics":
            tracked(self, self.own.steps)  # type: ignore[arg-type]

    def _is_trained(self) -> bool:
        kinds = list(self.body.attributes.values())
        modules = [k.node for k in kinds if isinstance(k.node, Module)]
        if self.own.parent is not None and self.own.parent.trained:
            return True
        return any(m.mode or (m.own is not None and m.own.trained) for m in modules) or any(
            k.what == "list" for k in kinds
        )

    def _note_mode(self) -> None:
        """What `fit` makes of a `call` without `training` depends on Keras's version."""
        call = self.own.method("call")
        if call is None or not self.own.trained or self.own.steps is not None or call.args.kwarg is not None:
            return
        told = "training" in [a.arg for a in (*call.args.args, *call.args.kwonlyargs)]
        fitted = [e for e in self.classes.interpreter.events if e.model in self.own.models and e.kind in FITS]
        if fitted and not told:
            message = f"{self.own.node.name}.call has no training=: Keras 3 would train it in inference mode"
            self.notes.append(("K2T356", message, self.references.start(call)))

    def _note_strangers(self) -> None:
        """Functions of other files that methods call: they get PyTorch's tensors, whatever they are written for."""
        imported = {b.name: b.path for b in self.references.bindings if b.kind in ("import", "from")}
        strangers = {name for name, path in imported.items() if path.partition(".")[0] not in _NOT_STRANGE}
        for method in self.own.node.body:
            if not isinstance(method, ast.FunctionDef) or method.name in _WITHOUT_TENSORS:
                continue
            for call in [n for n in ast.walk(method) if isinstance(n, ast.Call) and (n.args or n.keywords)]:
                if root_of(call.func) in strangers:
                    message = f"{ast.unparse(call.func)} comes from another file: it gets PyTorch's tensors here"
                    self.notes.append(("K2T212", message, self.references.start(call)))

    def _check_methods(self) -> None:
        """Methods by which Keras would do something else than what is written here."""
        for method in self.own.node.body:
            if self.own.steps is not None and getattr(method, "name", "") in METHODS:
                continue
            if self.own.is_schedule and getattr(method, "name", "") == "__call__":
                continue
            if isinstance(method, ast.FunctionDef) and method.name in OVERRIDES:
                raise Refusal("K2T191", f"{method.name}() of a model's own", method)
        for call in ast.walk(self.own.node):
            if not isinstance(call, ast.Attribute) or not isinstance(call.value, ast.Call):
                continue
            inner = call.value.func
            above = ("compile",) if self.own.steps is not None else ()
            other = call.attr not in ("__init__", "build", *DROPPED, *above) and not self.own.inherits(call.attr)
            if isinstance(inner, ast.Name) and inner.id == "super" and other:
                raise Refusal("K2T189", f"super().{call.attr} of Keras", call)

    def _check_flag(self) -> None:
        """A mode under another name than `training` is nothing that fit or a graph hands on."""
        flag = self.own.flag
        if flag in ("", "training"):
            return
        by_keras = [e for e in self.classes.interpreter.events if e.model in self.own.models and e.kind in FITS]
        frames = [a.frame for x in self.own.layers for a in x.applications]
        in_graph = any(not isinstance(f.names.get("self"), Instance) for f in frames)
        if by_keras or in_graph:
            message = f"{flag} tells the mode, and Keras hands on `training` only"
            raise Refusal("K2T186", message, self.own.method("call") or self.own.node)

    def _check_masks(self) -> None:
        begin, end = self.references.start(self.own.node), self.references.end(self.own.node)
        layers = [x for at, found in self.classes.modules.layers.items() if begin <= at < end for x in found]
        if makes_mask(layers) and (uses_mask(layers) or any(x.op is None for x in layers)):
            raise Refusal("K2T113", "a mask that Keras passes from layer to layer", self.own.node)

    def _header(self) -> None:
        node = self.own.node
        if self.own.is_schedule:
            start = self.references.data.rindex(b"(", 0, self.references.start(node.bases[0]))
            end = self.references.data.index(b")", self.references.end(node.bases[-1])) + 1
            self.edits.append(Edit(start, end, ""))
        for base in node.bases if not self.own.is_schedule and self.own.parent is None else ():
            self.replace(base, "nn.Module")
        for decorator in node.decorator_list:
            inner = decorator.func if isinstance(decorator, ast.Call) else decorator
            if self.paths.get(inner, "").endswith(_REGISTRATIONS):
                start = self.references.data.rindex(b"@", 0, self.references.start(decorator))
                self.edits.append(Edit(start, self.references.line_end(self.references.end(decorator)), ""))

    def _delete(self, node: ast.stmt) -> None:
        self.edits.append(Edit(self.references.start(node), self.references.end(node), ""))

    def _other(self, node: ast.stmt) -> None:
        """A class attribute: left, if no framework is in it."""
        if any(n in self.paths for n in ast.walk(node)):
            raise Refusal("K2T189", "a class attribute that Keras makes", node)

    # build

    def _build(self, node: ast.FunctionDef) -> list[str]:
        """The lines of build, for the end of the constructor."""
        self.build_name = node.args.args[1].arg if len(node.args.args) > 1 else "input_shape"
        self.build_shape = self.own.input_shape(self.classes.modules)
        given = [i.built_with for i in self.own.instances if i.built_with is not None]
        self.body.build_given = (self.build_name, given)
        outer, self.body.edits = self.body.edits, []
        dims = self.build_shape
        kind = Kind("shape", items=tuple(Kind("number", "int", value=d.value) for d in dims) if dims else None)
        env = Env({self.build_name: kind}, self.body.module)
        for statement in node.body:
            self.statement_of(statement, env)
        lines: list[str] = []
        for statement in node.body:
            start, end = self.references.start(statement), self.references.end(statement)
            own = [e for e in self.body.edits if start <= e.start and e.end <= end]
            text = apply(self.references.code(statement), [Edit(e.start - start, e.end - start, e.text) for e in own])
            docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if text.strip() and not docstring:
                indent = " " * statement.col_offset
                lines += textwrap.dedent(indent + text).split("\n")
        self.body.edits = outer
        used = {n.id for line in lines for n in _names(line)}
        if self.build_name in used:
            raise Refusal("K2T188", f"the shape in build: {self.build_name} is used in another way", node)
        self.build_name, self.body.build_given = "", ("", [])
        self._delete(node)
        return lines

    # Other methods

    def _method(self, node: ast.FunctionDef) -> None:
        body = self.body
        static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
        args = node.args.args if static else node.args.args[1:]
        body.owner = "" if static or not node.args.args else node.args.args[0].arg
        forward = node.name == "call"
        modes = [a for a in (*args, *node.args.kwonlyargs) if a.arg in ("training", self.own.flag)]
        body.training = modes[0].arg if modes else ""
        self.without(node, modes)
        if forward:
            self._rename(node)
            self._drop_mask(node)
        given, lines = self._inputs(node, args, forward)
        body.inner = self.own.inner and forward
        edits, _ = body.function(node, body.module, given)
        self.edits += [*edits, *lines]
        body.training = ""

    def _rename(self, node: ast.FunctionDef) -> None:
        start = self.references.offset(node.lineno, node.col_offset)
        at = self.references.data.index(b"call", start)
        self.edits.append(Edit(at, at + 4, "forward"))

    def _drop_mask(self, node: ast.FunctionDef) -> None:
        names = {n.id for s in node.body for n in ast.walk(s) if isinstance(n, ast.Name)}
        masks = [a for a in (*node.args.args, *node.args.kwonlyargs) if a.arg == "mask" and a.arg not in names]
        self.without(node, masks)
        if node.args.kwarg is not None and node.args.kwarg.arg not in names:
            self.without(node, [node.args.kwarg])

    def _inputs(self, node: ast.FunctionDef, args: list[ast.arg], forward: bool) -> tuple[dict[str, Kind], list[Edit]]:
        """The kinds of the parameters, and the lines that move images to channels first."""
        given: dict[str, Kind] = {}
        moved: list[str] = []
        shape = self.own.input_shape(self.classes.modules) if forward else None
        for number, argument in enumerate(args):
            if argument.arg in ("training", "mask", self.own.flag):
                continue
            rank = self._rank(node, argument.arg)
            if number == 0 and shape is not None and len(shape) != rank:
                rank = 0  # the layer reads what became of it
            if self.own.is_schedule:
                given[argument.arg] = tensor("int", ())
                continue
            if number == 0 and shape is not None:
                kind = tensor("", shape)
            elif rank:
                kind = tensor("", (FREE,) * rank)
            elif number == 0 and forward and not self._unpacked(node, argument.arg):
                kind = TENSOR
            else:
                continue
            if rank and not self.body.wrapped:
                kind = in_layout(kind, "torch")
                if not (self.own.inner and forward):
                    moved.append(f"{argument.arg} = {to_torch(argument.arg, rank)}{_COMMENT}")
            given[argument.arg] = kind
        return given, self._at_start(node, moved)

    def _unpacked(self, node: ast.FunctionDef, name: str) -> bool:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Subscript) and isinstance(inner.value, ast.Name) and inner.value.id == name:
                return True
            several = isinstance(inner, ast.Assign) and isinstance(inner.targets[0], ast.Tuple | ast.List)
            if (
                isinstance(inner, ast.Assign)
                and several
                and isinstance(inner.value, ast.Name)
                and inner.value.id == name
            ):
                return True
        return False

    def _rank(self, node: ast.FunctionDef, name: str) -> int:
        """The rank of a parameter that a layer with channels first reads, else 0."""
        for call in ast.walk(node):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            first = call.args[0]
            if not isinstance(first, ast.Name) or first.id != name or not isinstance(call.func, ast.Attribute):
                continue
            kind = self.body.attributes.get(call.func.attr, UNSURE)
            module = kind.node if kind.what == "module" else None
            if isinstance(module, Module) and module.layout == "torch" and module.op is not None:
                return _rank_of(module.op.name)
            if isinstance(module, Module) and module.own is not None and module.own.inner:
                shape = module.own.input_shape(self.classes.modules)
                return len(shape) if shape else 4
        if self.own.inner and node.name == "call":
            shape = self.own.input_shape(self.classes.modules)
            return len(shape) if shape else 0
        return 0

    def _at_start(self, node: ast.FunctionDef, lines: list[str]) -> list[Edit]:
        if not lines:
            return []
        first = node.body[0]
        docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        if docstring and len(node.body) > 1:
            first = node.body[1]
        at, indent = self.references.start(first), " " * first.col_offset
        return [Edit(at, at, "".join(f"{line}\n{indent}" for line in lines))]

    # The end

    def _close(self, constructor: ast.FunctionDef | None, build: ast.FunctionDef | None, built: list[str]) -> None:
        """What Keras does later, at the end of the constructor."""
        setup = grouped_init(_unique(self.inits))
        setup = fragment("\n".join(setup)).split("\n") if setup else []
        lines = [*built, *(["", *setup] if setup else [])]
        if constructor is not None:
            if not lines:
                return
            gone = {(e.start, e.end) for e in self.edits if not e.text}
            places = [(self.references.start(s), self.references.end(s)) for s in constructor.body]
            kept = [s for s, place in zip(constructor.body, places) if place not in gone]
            last = kept[-1] if kept else constructor.body[-1]
            indent = " " * last.col_offset
            at = self.references.end(last)
            at = self.references.line_end(at - 1) - 1 if b"#" in self._rest(at) else at
            text = "".join(f"\n{indent}{line}" if line else "\n" for line in lines)
            self.edits.append(Edit(at, at, text))
            return
        if not lines:
            return
        first = next(n for n in self.own.node.body if isinstance(n, ast.FunctionDef))
        indent = " " * first.col_offset
        inner = indent + "    "
        text = f"def __init__(self):\n{inner}super().__init__()"
        text += "".join(f"\n{inner}{line}" if line else "\n" for line in lines)
        at = self.references.start(build) if build is not None else self.references.start(first)
        if build is not None:
            self.edits = [e for e in self.edits if (e.start, e.end) != (at, self.references.end(build))]
            self.edits.append(Edit(at, self.references.end(build), text))
        else:
            self.edits.append(Edit(at, at, f"{text}\n\n{indent}"))

    def _rest(self, at: int) -> bytes:
        return self.references.data[at : self.references.line_end(at - 1)]


def _unique(inits: list[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    found: dict[tuple[str, tuple[str, ...]], tuple[str, list[str]]] = {}
    for target, lines in inits:
        found.setdefault((target, tuple(lines)), (target, lines))
    return list(found.values())


def _names(line: str) -> list[ast.Name]:
    try:
        return [n for n in ast.walk(ast.parse(line.strip())) if isinstance(n, ast.Name)]
    except SyntaxError:
        return []


def _rank_of(op: str) -> int:
    return next((n + 2 for n in (1, 2, 3) if f"{n}d" in op), 0)
