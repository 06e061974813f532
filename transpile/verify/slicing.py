"""Which statements of a program build its model: a backward slice, read from the text alone.

A statement is kept when it binds or changes a name that is needed, and what it reads is then
needed too, up to the start of the file. Training, evaluating, printing, plotting and saving
are never kept. Blocks (`if`, `for`, `with`, `try`) keep their headers and what is needed of
their bodies; the body of `if __name__ == "__main__":` counts as top level.

An expression `main.<locals>.model` (Python's own notation) means the variable `model` inside
the function `main`, whose body is then sliced as if it stood at top level; so does
`main.<locals>.train.<locals>.model`, for a function that `main` calls.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Sequence

from transpile.verify.reading import (
    bound_names,
    bound_parts,
    called,
    calls_in,
    free_names,
    names_read,
    rebound,
    root_name,
    runs_backward,
    trains,
)

# Calls that run, show, store or load something that the comparison does not need.
SKIPPED_CALLS = frozenset(
    """fit fit_generator train_on_batch evaluate evaluate_generator test_on_batch predict
    predict_generator predict_classes predict_on_batch summary save save_weights load_weights
    load_state_dict save_model load_model export to_json to_yaml plot_model print display
    show savefig imshow add_scalar add_scalars add_histogram reset_states reset_state
    train eval zero_grad step backward clip_grad_norm_ clip_grad_value_""".split()
)
# Calls on a module (`np.random.seed(0)`) that change how the rest is built.
SETTING_CALLS = frozenset(
    """set_image_data_format set_image_dim_ordering seed manual_seed set_seed
    set_random_seed""".split()
)


class SliceProblem(Exception):
    """The names that are asked for cannot be found in the program."""


def slice_program(tree: ast.Module, expressions: Iterable[str]) -> list[ast.stmt]:
    """The top-level statements that define the names in the expressions, in order."""
    body, needed = _main_first(tree.body), set[str]()
    for expression in expressions:
        *functions, inner = expression.split(".<locals>.")
        for function in functions:
            body = _inline(body, function)
        needed |= names_read(ast.parse(inner, mode="eval"))
    slicer = _Slicer(body)
    result = slicer.run(needed)
    missing = needed - slicer.bound - _BUILTINS
    if missing:
        raise SliceProblem(f"nothing in the file defines {', '.join(sorted(missing))}")
    return result


_BUILTINS = frozenset(vars(builtins))


def local_expression(expression: str) -> str:
    """The expression to evaluate once the slice has run."""
    return expression.rpartition(".<locals>.")[2]


def _main_first(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Puts the body of `if __name__ == "__main__":` at top level."""
    result: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.If) and _is_main_guard(statement.test):
            result.extend(statement.body)
        else:
            result.append(statement)
    return result


def _is_main_guard(test: ast.expr) -> bool:
    return (
        isinstance(test, ast.Compare)
        and {"__name__"} == names_read(test)
        and any(isinstance(n, ast.Constant) and n.value == "__main__" for n in ast.walk(test))
    )


def _inline(body: list[ast.stmt], function: str) -> list[ast.stmt]:
    """The program with the body of that function in the place of its first call."""
    functions = [s for s in body if isinstance(s, ast.FunctionDef) and s.name == function]
    if not functions:
        raise SliceProblem(f"the file has no function {function}")
    statement, number = functions[-1], body.index(functions[-1])
    calls = [
        n
        for later in body[number + 1 :]
        for n in ast.walk(later)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == function
    ]
    bindings = _arguments(statement.args, calls[0] if calls else None)
    return [*body, *bindings, *statement.body]


def _arguments(arguments: ast.arguments, call: ast.Call | None) -> list[ast.stmt]:
    """Assignments that bind the parameters, from the call or their defaults."""
    values: dict[str, ast.expr] = {}
    plain = [*arguments.posonlyargs, *arguments.args]
    if arguments.defaults:
        defaulted = plain[-len(arguments.defaults) :]
        for a, default in zip(defaulted, arguments.defaults, strict=True):
            values[a.arg] = default
    for a, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if value is not None:
            values[a.arg] = value
    if call is not None:
        values.update({a.arg: v for a, v in zip(plain, call.args, strict=False)})
        values.update({k.arg: k.value for k in call.keywords if k.arg})
    return [
        ast.copy_location(
            ast.Assign([ast.copy_location(ast.Name(name, ast.Store()), value)], value),
            value,
        )
        for name, value in values.items()
    ]


class _Slicer:
    """Repeats a backward pass until the functions' own needs are known as well."""

    def __init__(self, body: Sequence[ast.stmt]) -> None:
        self.body = body
        self.modules = _imported(body) - _assigned(body)
        self.training = _training_functions(body)
        self.aliases = _aliases(body)
        self.depth = 0
        self.bound: set[str] = set()
        self.anytime: set[str] = set()  # read when a function runs: order unknown

    def run(self, wanted: set[str]) -> list[ast.stmt]:
        while True:
            before = set(self.anytime)
            self.bound = set()
            result = self.block(self.body, set(wanted) | self.anytime)
            if self.anytime == before:
                return result

    def block(self, body: Sequence[ast.stmt], needed: set[str]) -> list[ast.stmt]:
        """What is kept of a block; `needed` grows by what that reads."""
        kept = []
        for statement in reversed(body):
            copy = self.keep(statement, needed)
            if copy is not None:
                kept.append(copy)
        return kept[::-1]

    def keep(self, statement: ast.stmt, needed: set[str]) -> ast.stmt | None:
        if isinstance(statement, ast.ImportFrom) and (
            statement.module == "__future__" or statement.names[0].name == "*"
        ):
            return statement
        if isinstance(statement, (ast.If, ast.For, ast.While, ast.With, ast.Try)):
            return self.compound(statement, needed)
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if statement.name not in needed:
                return None
            self.bound.add(statement.name)
            reads = free_names(statement)
            self.anytime |= reads
            needed |= reads
            return statement
        bound = bound_names(statement)
        if (bound | self.behind(bound_parts(statement))) & needed:
            if self.skipped_rebinding(statement, bound):
                return None
        elif not self.changes(statement, needed):
            return None
        self.bound |= bound
        if not self.depth:
            needed -= rebound(statement) - self.anytime
        needed |= free_names(statement)
        return statement

    def behind(self, names: set[str]) -> set[str]:
        """The objects that the names are parts of: `layer` of `for layer in model.layers`."""
        found: set[str] = set()
        new = set(names)
        while new:
            new = {root for name in new for root in self.aliases.get(name, ())} - found
            found |= new
        return found - self.modules

    def skipped_rebinding(self, statement: ast.stmt, bound: set[str]) -> bool:
        """`model = load_model(path)` or `train(model)`, where the file also builds it."""
        value = getattr(statement, "value", None)
        if not isinstance(value, ast.Call):
            return False
        if called(value) not in {"load_model", "load", *self.training}:
            return False
        others = (s for s in self.body if s is not statement)
        return any(bound_names(other) & bound for other in others)

    def changes(self, statement: ast.stmt, needed: set[str]) -> bool:
        """An expression statement that works on a needed object."""
        if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Call):
            return False
        call = statement.value
        if called(call) in SKIPPED_CALLS | self.training or trains(call):
            return False
        if root_name(call.func) in self.modules and called(call) in SETTING_CALLS:
            return True
        objects = needed - self.modules - _BUILTINS
        receiver = {root_name(call.func)} if isinstance(call.func, ast.Attribute) else set()
        receiver |= self.behind(receiver)
        handed = {name for c in _chain(call) for a in _argument_values(c) for name in _handed(a)}
        if called(call).endswith("_"):  # in place: `for layer in (model[0], ...): zeros_(layer.bias)`
            handed |= self.behind(handed)
        return bool((receiver | handed) & objects)

    def compound(
        self,
        statement: ast.If | ast.For | ast.While | ast.With | ast.Try,
        needed: set[str],
    ) -> ast.stmt | None:
        loops = isinstance(statement, (ast.For, ast.While))
        if loops and runs_backward(statement) and not bound_names(statement) & needed:
            return None
        parts: dict[str, list[ast.stmt]] = {}
        self.depth += 1
        for _ in range(2 if loops else 1):  # what one round reads, the one before binds
            for field in ("finalbody", "orelse", "body"):
                if hasattr(statement, field):
                    parts[field] = self.block(getattr(statement, field), needed)
        handlers = [
            ast.ExceptHandler(h.type, h.name, self.block(h.body, needed) or [_pass(h)])
            for h in getattr(statement, "handlers", ())
        ]
        self.depth -= 1
        header = _header_names(statement)
        if not any(parts.values()) and not header & needed:
            return None
        self.bound |= header
        copy = type(statement)(**{f: getattr(statement, f) for f in statement._fields})
        for field, block in parts.items():
            required = field == "body" and not block
            setattr(copy, field, [_pass(statement)] if required else block)
        if isinstance(copy, ast.Try):
            copy.handlers = [ast.copy_location(new, old) for new, old in zip(handlers, copy.handlers, strict=True)]
            copy.orelse = copy.orelse if copy.body else []
        for field in ("test", "iter", "target", "items"):
            for part in _listed(getattr(statement, field, None)):
                needed |= names_read(part)
        return ast.copy_location(copy, statement)


def _aliases(body: Sequence[ast.stmt]) -> dict[str, set[str]]:
    """Names for parts of other objects: loop variables, `layer = model.layers[0]`."""
    result: dict[str, set[str]] = {}
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.For):
                names, roots = bound_names(node.target), names_read(node.iter)
            elif isinstance(node, ast.Assign) and not isinstance(node.value, ast.Name):
                names = {t.id for t in node.targets if isinstance(t, ast.Name)}
                made = isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)
                roots = set() if made else {root_name(node.value)} - {""}
            else:
                continue
            for name in names:
                result.setdefault(name, set()).update(roots - {name})
    return result


def _training_functions(body: Sequence[ast.stmt]) -> set[str]:
    """The functions that train when called, through others too."""
    functions = [s for s in body if isinstance(s, ast.FunctionDef)]
    found: set[str] = set()
    while True:
        more = {f.name for f in functions if trains(f) or any(called(c) in found for c in calls_in(f))}
        builders = {f.name for f in functions if _returns(f)}
        if more - builders == found:
            return found
        found = more - builders


def _returns(function: ast.FunctionDef) -> bool:
    """It makes a model and gives it back: then it is needed although it trains."""
    return any(called(c) in {"Sequential", "Model"} for c in calls_in(function))


def _chain(call: ast.Call) -> list[ast.Call]:
    """A call and those of which it is a method: `trunc_normal_(layer.weight).mul_(2)`."""
    found, node = [call], call.func
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        if isinstance(node, ast.Call):
            found.append(node)
        node = node.func if isinstance(node, ast.Call) else node.value
    return found


def _argument_values(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _handed(argument: ast.expr) -> set[str]:
    """The objects that a call could change: `model`, `model.dense.weight`, `model[0]`."""
    if isinstance(argument, (ast.Name, ast.Attribute, ast.Subscript)):
        return {root_name(argument)}
    if isinstance(argument, (ast.List, ast.Tuple)):
        return {name for element in argument.elts for name in _handed(element)}
    return names_read(argument) if isinstance(argument, ast.Lambda) else set()


def _imported(body: Sequence[ast.stmt]) -> set[str]:
    names = set()
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names |= bound_names(node)
    return names


def _assigned(body: Sequence[ast.stmt]) -> set[str]:
    """Variables: a list called `layers` hides the module of that name."""
    names = (n for statement in body for n in ast.walk(statement) if isinstance(n, ast.Name))
    return {n.id for n in names if isinstance(n.ctx, ast.Store)}


def _header_names(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.For):
        return bound_names(statement.target)
    if isinstance(statement, ast.With):
        variables = [i.optional_vars for i in statement.items if i.optional_vars]
        return {name for v in variables for name in bound_names(v)}
    return set()


def _listed(value: object) -> list[ast.AST]:
    values = value if isinstance(value, list) else [value]
    return [v for v in values if isinstance(v, ast.AST)]


def _pass(where: ast.AST) -> ast.stmt:
    return ast.copy_location(ast.Pass(), where)
