"""What each call in a PyTorch body is, and where it goes."""

from __future__ import annotations

import ast

from transpile.backends.body_keywords import spread
from transpile.backends.body_names import Names
from transpile.backends.body_patterns import FUNCTIONS
from transpile.backends.keras_losses import loss_name
from transpile.frontends.torch_own_parameters import sizes_of
from transpile.frontends.torch_program import ClassInfo, FunctionInfo
from transpile.ops._functions import Left, Operand, fresh, listed
from transpile.ops._functions_index import function_of
from transpile.ops.torch_layers import modules
from transpile.torch_values import (
    MODULES,
    UNKNOWN_VALUE,
    Chain,
    ClassValue,
    Container,
    Extents,
    FunctionValue,
    Imported,
    Instance,
    Items,
    Leaf,
    Loss,
    Many,
    Plain,
    Sample,
    Spread,
    Tensor,
    Value,
    alternatives,
    each_of,
    join,
)

_NUMBERS = ("len", "int", "float", "min", "max", "round", "abs", "sum", "bool", "str", "isinstance", "hasattr", "print")
_SEQUENCES = ("list", "tuple", "reversed", "sorted", "set", "iter")
_READY = ("torchvision.models.", "timm.create_model", "timm.models.create_model", "torch.hub.load")
_KERAS_METHODS = {"forward": "call"}
_IGNORED = ("to", "cuda", "cpu", "float", "double", "half", "requires_grad_", "flatten_parameters")


class Bodies(Names):
    """Adds the dispatch of calls."""

    def on_Call(self, node: ast.Call) -> Operand:
        func = node.func
        path = self.program.paths.get(id(func))
        if path is not None:
            return self.torch_call(path, node)
        if (partly := self.partly(node)) is not None:
            return partly
        if isinstance(func, ast.Name):
            return self.named_call(func, node)
        if isinstance(func, ast.Attribute):
            return self.method_call(func, node)
        found = self.expr(func)
        args, kwargs = self.arguments(node)
        return self.value_call(node, found, args, kwargs)

    # torch.something(...)

    def torch_call(self, path: str, node: ast.Call) -> Operand:
        if path == "torch.nn.Sequential":
            return self.make_chain(node)
        if path in ("torch.nn.ModuleList", "torch.nn.ModuleDict", "torch.nn.ParameterList"):
            return self.make_container(node, path.endswith("Dict"))
        if path in ("torch.nn.Parameter", "torch.nn.parameter.Parameter"):
            return self.make_parameter(node)
        if path in ("torch.nn.DataParallel", "torch.nn.utils.parametrizations.weight_norm"):
            return self.expr(node.args[0]) if path.endswith("Parallel") else self.left(path)
        if path.startswith(_READY) and path.rpartition(".")[2] not in ("DropPath", "to_2tuple"):
            raise Left(f"{path} is a ready-made model", "T2K105")
        if path in ("torch.jit.is_scripting", "torch.jit.is_tracing"):
            return Operand("False", Plain(False))
        if path in FUNCTIONS:
            return self.rearranged(path, node)
        if path in modules():
            args, kwargs = self.arguments(node)
            return self.make_leaf(path, node, args, kwargs)
        if path == "torch.utils.checkpoint.checkpoint":  # the same values, computed again for the gradients
            return self.called_again(node)
        if path == "torch.Size":
            return self.expr(node.args[0])
        if (packing := self.packing(path, node)) is not None:
            return packing
        if loss_name(path) and not path.startswith("torch.nn.functional."):
            return self.make_loss(path, node)
        args, kwargs = self.arguments(node)
        if loss_name(path):
            return self.functional_loss(path, args, kwargs)
        if path.startswith("torch.nn.") and path.rpartition(".")[2][:1].isupper():
            raise Left(f"{path.removeprefix('torch.')} has no counterpart", "T2K102")
        return self.function(path, "", args, kwargs)

    def called_again(self, node: ast.Call) -> Operand:
        """`checkpoint(f, x)` as `f(x)`."""
        callee, args = self.expr(node.args[0]), [self.expr(a) for a in node.args[1:]]
        starred = any(isinstance(a, ast.Starred) for a in node.args)
        if not starred and (isinstance(callee.value, MODULES) or self.function_info(callee.value) is not None):
            return self.value_call(node, callee, args, {})
        func = f"({callee.text})" if isinstance(node.args[0], ast.Lambda) else callee.text
        return self.made(f"{func}({', '.join(self.laid(a, False) for a in args)})", Tensor(dtype=""))

    def left(self, path: str) -> Operand:
        raise Left(f"{path.removeprefix('torch.')} has no counterpart", "T2K102")

    def make_parameter(self, node: ast.Call) -> Operand:
        """nn.Parameter: a weight of the layer."""
        if not node.args:
            raise Left("nn.Parameter without a value")
        initial = self.uses.initial.get(id(node), {}).get("value", "")
        sizes = [self.expr(n) for n in sizes_of(node.args[0], self.program)]
        trainable = next((k.value for k in node.keywords if k.arg == "requires_grad"), None)
        frozen = ", trainable=False" if isinstance(trainable, ast.Constant) and trainable.value is False else ""
        if initial and sizes:
            self.note_imports(initial)
            shape = listed(sizes).text
            return Operand(f"self.add_weight(shape={shape}, initializer={initial}{frozen})", fresh(len(sizes)))
        self.imports.add("import keras")
        inner = self.expr(node.args[0])
        value = inner.value if isinstance(inner.value, Tensor) else fresh()
        return self.made(f"keras.Variable({inner.text}{frozen})", Tensor(value.rank))

    # name(...)

    def named_call(self, func: ast.Name, node: ast.Call) -> Operand:
        name = func.id
        if name in self.env or name in self.program.classes or name in self.program.functions:
            args, kwargs = self.arguments(node)
            return self.value_call(node, self.expr(func), args, kwargs)
        if (sample := self.sample(node)) is not None:
            return sample
        if name == "super":
            return Operand(self.source(node), UNKNOWN_VALUE)
        if name in ("zip", "enumerate", "range", "map", "filter"):
            return self.iteration(name, node)
        if name == "getattr" and len(node.args) >= 2:
            return self.looked_up(node)
        if name in ("setattr", "eval", "exec") and self.owner is not None and name != "setattr":
            raise Left(f"{name}()", "T2K104")
        if name == "setattr" and len(node.args) == 3:
            return self.set_by_name(node, node.args[2])
        args, kwargs = self.arguments(node)
        self.check_given(name, args, kwargs)
        text = self.call_text(node, name, args, kwargs)
        if name in _SEQUENCES and args:
            return Operand(
                text,
                args[0].value if isinstance(args[0].value, Items | Many | Container) else Many(each_of(args[0].value)),
            )
        if name == "len" and args and isinstance(args[0].value, Chain):
            return Operand(f"len({args[0].text}.layers)", Plain())
        if name == "sum" and args and isinstance(each_of(args[0].value), Tensor):
            return Operand(text, each_of(args[0].value))
        if name in _NUMBERS:
            return Operand(text, Plain())
        if name in self.program.imported and name[:1].isupper():
            return Operand(text, Imported(self.program.imported[name]))
        return Operand(text, UNKNOWN_VALUE)

    def value_call(self, node: ast.Call, callee: Operand, args: list[Operand], kwargs: dict[str, Operand]) -> Operand:
        """A call of something that is known: a class, a function, a module."""
        kinds = self.kinds_of(callee.value)
        if kinds and all(isinstance(k, ClassValue) for k in kinds):
            return self.make_instance(node, callee, kinds, args, kwargs)
        if kinds and all(isinstance(k, FunctionValue) and not isinstance(k.of, str) for k in kinds):
            return self.local_function(node, callee, kinds, args, kwargs)
        if len(kinds) == 1 and isinstance(kinds[0], Loss):
            return self.apply_loss(kinds[0], callee.text, args, kwargs)
        if any(isinstance(k, ClassValue) and isinstance(k.of, str) for k in kinds):
            raise Left(f"{callee.text}, a class of torch.nn or something else", "T2K104")
        if any(isinstance(k, MODULES) for k in kinds) or (kinds and all(isinstance(k, FunctionValue) for k in kinds)):
            return self.apply(callee.value, callee.text, args, kwargs, node)
        self.check_given(callee.text, args, kwargs)
        text = self.call_text(node, callee.text, args, kwargs)
        some = any(isinstance(o.value, Tensor) for o in args)
        return Operand(text, Tensor(dtype="") if some else UNKNOWN_VALUE)

    def make_instance(
        self, node: ast.Call, callee: Operand, kinds: list[Value], args: list[Operand], kwargs: dict[str, Operand]
    ) -> Operand:
        """A module that is made: of this file, or of torch.nn by a name that stands for one."""
        path = self.class_path(node.func)
        if path:
            if path in modules():
                return self.make_leaf(path, node, args, kwargs)
            return self.torch_call(path, node)
        value: Value | None = None
        for kind in kinds:
            assert isinstance(kind, ClassValue)
            if isinstance(kind.of, ClassInfo):
                kwargs = self.see_made(kind.of, args, kwargs)
                value = join(value, Instance(kind.of))
            else:
                value = join(value, self.make_chosen(node, kind, kwargs))
        return Operand(self.chosen_text(node, callee.text, args, kwargs, kinds), value or UNKNOWN_VALUE)

    def see_made(self, info: ClassInfo, args: list[Operand], kwargs: dict[str, Operand]) -> dict[str, Operand]:
        """The constructor of a class learns what it is given; the arguments by name, written out."""
        init = info.method("__init__")
        if init is None:
            return kwargs
        kwargs = self.spread_to(init, args, kwargs)
        for parameter, operand in zip(init.parameters, args):
            init.see(parameter.arg, operand.value)
        for name, operand in kwargs.items():
            init.see(name, operand.value)
        return kwargs

    def spread_to(self, info: FunctionInfo, args: list[Operand], kwargs: dict[str, Operand]) -> dict[str, Operand]:
        """`**kwargs` for a function of the file."""
        params: dict[str, str | None] = {
            a.arg: self.source(info.defaults[a.arg]) if a.arg in info.defaults else None for a in info.every
        }
        return spread(self, kwargs, params | info.defaulted, list(params)[: len(args)])

    def local_function(
        self, node: ast.Call, callee: Operand, kinds: list[Value], args: list[Operand], kwargs: dict[str, Operand]
    ) -> Operand:
        if (made := self.lambdas(kinds, args, kwargs)) is not None:
            return Operand(self.call_text(node, callee.text, args, kwargs), made)
        infos = [self.function_info(k) for k in kinds]
        known = [i for i in infos if i is not None]
        if len(known) != len(infos):
            return Operand(self.call_text(node, callee.text, args, kwargs), Tensor(dtype=""))
        spread_out = isinstance(kwargs.get("**", Operand("")).value, Spread)
        if ("**" in kwargs and not spread_out) or any(isinstance(a, ast.Starred) for a in node.args):
            return Operand(self.call_text(node, callee.text, args, kwargs), known[0].returns or UNKNOWN_VALUE)
        value: Value | None = None
        text = ""
        for info in known:
            kwargs = self.spread_to(info, args, kwargs)
            result = self.call_function(info, callee.text, args, kwargs)
            value, text = join(value, result.value), result.text
        return Operand(text, value or UNKNOWN_VALUE)

    def lambdas(self, kinds: list[Value], args: list[Operand], kwargs: dict[str, Operand]) -> Value | None:
        """The modules that lambdas of a constructor make; None where they are not only that."""
        outer, value = dict(self.env), None
        for node in [k.of for k in kinds if isinstance(k, FunctionValue)]:
            if not isinstance(node, ast.Lambda) or not self.constructing:
                return None
            given = {a.arg: o.value for a, o in zip(node.args.args, args)} | {n: o.value for n, o in kwargs.items()}
            self.env = outer | given
            made = self.expr(node.body).value
            self.env = dict(outer)
            if not all(isinstance(v, MODULES) for v in alternatives(made)):
                return None
            value = join(value, made)
        return value

    # something.name(...)

    def method_call(self, func: ast.Attribute, node: ast.Call) -> Operand:
        if isinstance(func.value, ast.Call) and isinstance(func.value.func, ast.Name) and func.value.func.id == "super":
            return self.super_call(func, node)
        if isinstance(func.value, ast.Name) and func.value.id == "self" and self.owner is not None:
            return self.own_call(func, node)
        base = self.expr(func.value)
        value = base.value
        if isinstance(value, Sample):
            return self.sample_method(func.attr, self.arguments(node)[0])
        if isinstance(value, Container | Many | Items | Chain) and func.attr in (
            "append",
            "extend",
            "insert",
            "add_module",
        ):
            return self.grow(func, node, base)
        if isinstance(value, Chain | Instance | Leaf | Container):
            return self.module_method(func, node, base)
        if isinstance(value, Extents | Plain) or id(func) in self.program.paths:
            args, kwargs = self.arguments(node)
            return Operand(self.call_text(node, f"{base.text}.{func.attr}", args, kwargs), UNKNOWN_VALUE)
        entry = function_of(f".{func.attr}")
        if entry is not None and (isinstance(value, Tensor) or func.attr in _TENSOR_ONLY):
            args, kwargs = self.arguments(node)
            if not isinstance(value, Tensor):
                base = Operand(base.text, Tensor(dtype=""))
            return self.function(f".{func.attr}", base.text, [base, *args], kwargs)
        if isinstance(value, Tensor) and func.attr in ("unique", "nonzero", "masked_select", "bincount"):
            raise Left(f"{func.attr}, whose size depends on values", "T2K106")
        if isinstance(value, Tensor):
            raise Left(f"the method {func.attr} of a tensor has no counterpart in keras.ops")
        args, kwargs = self.arguments(node)
        found = UNKNOWN_VALUE
        if func.attr in ("values", "get", "pop", "items") and isinstance(value, Many):
            found = Many(value.each) if func.attr == "values" else value.each
        return Operand(self.call_text(node, f"{base.text}.{func.attr}", args, kwargs), found)

    def super_call(self, func: ast.Attribute, node: ast.Call) -> Operand:
        name = _KERAS_METHODS.get(func.attr, func.attr)
        owner = self.owner
        if func.attr == "__init__" and owner is not None and owner.kind == "sequential" and owner.base is None:
            return self.sequential_init(func, node, owner)
        args, kwargs = self.arguments(node)
        text = self.call_text(node, f"{self.source(func.value)}.{name}", args, kwargs)
        if func.attr == "__init__" and owner is not None and owner.base is not None:
            init = owner.base.method("__init__")
            for parameter, operand in zip(init.parameters if init else [], args):
                assert init is not None
                init.see(parameter.arg, operand.value)
        if func.attr == "forward" and owner is not None and owner.base is not None:
            forward = owner.base.method("forward")
            if forward is not None:
                return self.call_function(forward, f"{self.source(func.value)}.{name}", args, kwargs)
        return Operand(text, UNKNOWN_VALUE)

    def sequential_init(self, func: ast.Attribute, node: ast.Call, owner: ClassInfo) -> Operand:
        """`super().__init__(a, b)` of a class derived from nn.Sequential."""
        head = f"{self.source(func.value)}.__init__("
        if not node.args:
            return Operand(self.source(node), Plain(None))
        made = self.make_chain(node, head)
        owner.set("*", made.value)
        return Operand(made.text, Plain(None))

    def own_call(self, func: ast.Attribute, node: ast.Call) -> Operand:
        """A call of one of the object's own methods or modules."""
        owner, name = self.owner, func.attr
        assert owner is not None
        method = owner.method(name)
        if method is not None:
            args, kwargs = self.arguments(node)
            renamed = _KERAS_METHODS.get(name, self.attribute_name(name))
            if any(k == "**" for k in kwargs) or any(isinstance(a, ast.Starred) for a in node.args):
                return Operand(self.call_text(node, f"self.{renamed}", args, kwargs), method.returns or UNKNOWN_VALUE)
            return self.call_function(method, f"self.{renamed}", args, kwargs)
        if name in ("add_module", "register_module") and len(node.args) == 2:
            if owner.kind == "sequential":
                added = self.expr(node.args[1])
                owner.set("*", Chain(each=added.value))
                return Operand(f"self.add({added.text})", Plain(None))
            return self.set_by_name(node, node.args[1])
        if (special := self.by_special_name(name, node)) is not None:
            return special
        if name == "register_buffer":
            return self.register_buffer(node)
        if name == "register_parameter" and len(node.args) == 2:
            known = self.expr(node.args[0]).const
            if isinstance(known, str) and known.isidentifier():
                given = self.expr(node.args[1])
                owner.set(known, given.value)
                return Operand(f"self.{self.attribute_name(known)} = {given.text}", Plain(None))
            return self.set_by_name(node, node.args[1])
        if name in ("parameters", "modules", "children", "named_parameters", "named_modules", "apply", "state_dict"):
            raise Left(f"self.{name}()")
        args, kwargs = self.arguments(node)
        found = self.own_attribute(func)
        return self.value_call(node, found, args, kwargs)

    def register_buffer(self, node: ast.Call) -> Operand:
        """A buffer is an attribute: a tensor that is not trained."""
        name = self.expr(node.args[0]).const
        if not isinstance(name, str) or len(node.args) < 2 or self.owner is None:
            raise Left("register_buffer with a name that is computed", "T2K104")
        found = self.expr(node.args[1])
        self.owner.buffers.add(name)
        self.owner.set(name, found.value)
        text = found.text
        if self.in_numpy:
            floating = isinstance(found.value, Tensor) and found.value.dtype == "float"
            text = f"keras.ops.convert_to_tensor({text}{', dtype=self.compute_dtype' if floating else ''})"
            self.imports.add("import keras")
        return Operand(f"self.{self.attribute_name(name)} = {text}", Plain(None))

    def module_method(self, func: ast.Attribute, node: ast.Call, base: Operand) -> Operand:
        """A method of a module: its own ones, those of nn.Module."""
        value = base.value
        args, kwargs = self.arguments(node)
        if func.attr == "forward":
            return self.apply(value, base.text, args, kwargs)
        if func.attr in _IGNORED or (func.attr == "reset_parameters" and isinstance(value, Leaf)):
            return base
        if func.attr == "generate_square_subsequent_mask" and isinstance(value, Leaf):
            return self.function(f"torch.nn.Transformer.{func.attr}", "", args, kwargs)
        if func.attr == "children" and isinstance(value, Chain):
            return Operand(f"{base.text}.layers", Many(each_of(value)))
        if isinstance(value, Container) and func.attr in ("values", "keys", "items"):
            text = self.call_text(node, f"{base.text}.{func.attr}", args, kwargs)
            pairs: Value = Items((Plain(), value.each)) if func.attr == "items" else value.each
            return Operand(text, Many(pairs if func.attr != "keys" else Plain()))
        method = value.of.method(func.attr) if isinstance(value, Instance) and isinstance(value.of, ClassInfo) else None
        if method is None:
            raise Left(f"the method {func.attr} of a module", "T2K103")
        return self.call_function(method, f"{base.text}.{func.attr}", args, kwargs)


_TENSOR_ONLY = (
    "view", "unsqueeze", "permute", "masked_fill", "contiguous", "size", "expand", "transpose", "squeeze", "detach",
    "chunk", "softmax", "flatten", "matmul", "bmm", "clamp", "float", "long", "item", "dim",
)  # fmt: skip
