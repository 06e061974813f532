"""Finds what of Keras is neither model nor training: utilities, and the set-up of TensorFlow."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from transpile.references import Reference, References, is_framework
from transpile.scopes import chain
from transpile.statements import widened

# Calls that set TensorFlow up and have no counterpart to be kept.
SETUP_CALLS = frozenset(
    """
    keras.backend.clear_session keras.utils.clear_session keras.backend.set_session
    keras.backend.manual_variable_initialization keras.utils.disable_interactive_logging
    keras.utils.enable_interactive_logging keras.config.disable_traceback_filtering
    tf.reset_default_graph tf.logging.set_verbosity tf.autograph.set_verbosity
    tf.enable_eager_execution tf.enable_v2_behavior tf.disable_eager_execution
    tf.debugging.set_log_device_placement tf.executing_eagerly
    tf.config.experimental.set_memory_growth tf.config.set_logical_device_configuration
    tf.config.experimental.set_virtual_device_configuration tf.config.set_soft_device_placement
    tf.config.run_functions_eagerly tf.config.experimental_run_functions_eagerly
    tf.config.optimizer.set_jit tf.config.threading.set_intra_op_parallelism_threads
    tf.config.threading.set_inter_op_parallelism_threads tf.get_logger
    keras.utils.plot_model keras.backend.set_floatx keras.backend.set_image_data_format
    keras.backend.set_image_dim_ordering keras.config.set_image_data_format
    """.split()
)
_DEFAULTS = {
    "keras.backend.set_floatx": "float32",
    "keras.backend.set_image_data_format": "channels_last",
    "keras.config.set_image_data_format": "channels_last",
    "keras.backend.set_image_dim_ordering": "tf",
}
# What a notebook shows the drawing of a model by, and the functions of names that it can be called with.
_SHOWING = frozenset("SVG Image display create create_png create_svg".split())
_NAMING = ("os.path.", "str", "repr")
# Calls whose result is only good for more set-up.
SETUP_VALUES = frozenset(
    """
    tf.ConfigProto tf.GPUOptions tf.Session tf.InteractiveSession tf.get_default_graph
    tf.config.list_physical_devices tf.config.experimental.list_physical_devices
    tf.config.list_logical_devices tf.config.experimental.list_logical_devices
    tf.config.get_visible_devices tf.config.experimental.VirtualDeviceConfiguration
    tf.config.LogicalDeviceConfiguration keras.backend.get_session
    """.split()
)
_QUERIES = ("tf.test.", "tf.__version__", "keras.__version__", "keras.backend.backend",
            "keras.backend.image_", "tf.executing_eagerly", "tf.config.list_",
            "tf.config.experimental.list_")  # fmt: skip
_PURE = frozenset("len bool int str float isinstance hasattr".split())


@dataclass(frozen=True)
class Use:
    """A reference together with the call that it is the function of, if any."""

    reference: Reference
    path: str
    call: ast.Call | None

    def arguments(self, *parameters: str) -> dict[str, ast.expr] | None:
        """The arguments by name; None where that cannot be told, or there are others.

        Parameters behind "*" have another position than Keras's: they are taken by name only.
        """
        if self.call is None:
            return None
        found: dict[str, ast.expr] = {}
        positions = parameters.index("*") if "*" in parameters else len(parameters)
        for i, argument in enumerate(self.call.args):
            if isinstance(argument, ast.Starred) or i >= positions:
                return None
            found[parameters[i]] = argument
        for keyword in self.call.keywords:
            if keyword.arg not in parameters:
                return None
            found[keyword.arg] = keyword.value
        return found


def use_of(references: References, reference: Reference) -> Use:
    """How a reference is used."""
    parent = references.parents[reference.node]
    call = parent if isinstance(parent, ast.Call) and parent.func is reference.node else None
    return Use(reference, reference.path, call)


class Setup:
    """The statements that only set TensorFlow up, and can go once nothing else needs it."""

    def __init__(self, references: References, live: list[Reference]) -> None:
        self.references = references
        self.paths = {r.node: r.path for r in references.references}
        self._live = live
        self.variables: dict[str, ast.stmt] = {}
        self.core: set[ast.stmt] = set()
        self._collect()
        self._imports = self._conditional_imports()
        self._going: set[ast.stmt] = set()
        self._settle()
        harmless = harmless_queries(references)
        self.statements = widened(references, self.core, harmless)

    def covers(self, node: ast.AST) -> bool:
        """Whether a node lies in a statement that goes, now or with the imports in it."""
        return node in self._going or any(a in self._going for a in self.references.around(node))

    def hollow(self) -> list[tuple[int, int]]:
        """Spans of the compound statements that go with the imports in them."""
        found = [s for s in self._going - self.statements if s not in self._imports]
        return [(self.references.start(s), self.references.end(s)) for s in found]

    def _collect(self) -> None:
        nodes = [n for n in ast.walk(self.references.tree) if isinstance(n, ast.stmt)]
        nodes.sort(key=self.references.start)
        for node in nodes:
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                target = node.targets[0]
                if isinstance(target, ast.Name) and self._is_value(node.value):
                    self.variables[target.id] = node
                    self.core.add(node)
                elif self._is_setting(target):
                    self.core.add(node)
            elif isinstance(node, ast.Expr | ast.Assert) and self._is_lone(node):
                self.core.add(node)

    def _is_lone(self, node: ast.Expr | ast.Assert) -> bool:
        """A call of the set-up, or an assertion on what it gave."""
        if isinstance(node, ast.Assert):
            return self._reads_setup(node.test) or self._checks_version(node.test)
        return self._is_call(node.value) or self._shows_drawing(node.value)

    def _shows_drawing(self, node: ast.expr) -> bool:
        """`SVG(model_to_dot(model).create(...))`, the last line of a notebook's cell."""
        calls = [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]
        framework = [self.paths[f] for f in calls if f in self.paths]
        others = [f for f in calls if f not in self.paths]
        names = {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in others}
        return framework == ["keras.utils.model_to_dot"] and names <= _SHOWING

    def _checks_version(self, test: ast.expr) -> bool:
        """`assert tf.__version__.startswith("2.")`."""
        found = [self.paths[n] for n in ast.walk(test) if n in self.paths]
        return bool(found) and all("__version__" in path for path in found)

    def _is_value(self, node: ast.expr) -> bool:
        """`tf.ConfigProto(...)`, `tf.config.list_physical_devices("GPU")`."""
        if isinstance(node, ast.Subscript):
            return self._is_value(node.value)
        return isinstance(node, ast.Call) and self.paths.get(node.func) in SETUP_VALUES and self._only_setup(node)

    def _is_call(self, node: ast.expr) -> bool:
        """`K.clear_session()`, `tf.get_logger().setLevel("ERROR")`."""
        if not isinstance(node, ast.Call):
            return False
        function = node.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call):
            return self.paths.get(function.value.func) == "tf.get_logger"
        if self._is_environment(function) and node.args:
            return self._is_variable_name(node.args[0])
        path = self.paths.get(function, "")
        if path not in SETUP_CALLS or not self._only_setup(node):
            return False
        default = _DEFAULTS.get(path)
        values = [a.value for a in node.args if isinstance(a, ast.Constant)]
        return default is None or values == [default]

    def _only_setup(self, call: ast.Call) -> bool:
        """Whether the arguments of a call hold no other calls than such of the set-up."""
        inner = [n for a in (*call.args, *call.keywords) for n in ast.walk(a)]
        calls = [n.func for n in inner if isinstance(n, ast.Call)]
        return all(self.paths.get(f, "") in SETUP_VALUES or ast.unparse(f).startswith(_NAMING) for f in calls)

    def _is_setting(self, target: ast.expr) -> bool:
        """`config.gpu_options.allow_growth = ...`, `os.environ["TF_..."] = ...`."""
        if isinstance(target, ast.Subscript) and _dotted(target.value) == "os.environ":
            return self._is_variable_name(target.slice)
        root, attributes = chain(target)
        return bool(attributes) and root is not None and root.id in self.variables

    @staticmethod
    def _is_environment(function: ast.expr) -> bool:
        return _dotted(function) in ("os.environ.setdefault", "os.putenv")

    @staticmethod
    def _is_variable_name(node: ast.expr) -> bool:
        name = node.value if isinstance(node, ast.Constant) else None
        return isinstance(name, str) and (name.startswith("TF_") or name == "KERAS_BACKEND")

    def _reads_setup(self, test: ast.expr) -> bool:
        names = {n.id for n in ast.walk(test) if isinstance(n, ast.Name)}
        return bool(names & set(self.variables)) and names <= {*self.variables, "len"}

    def _settle(self) -> None:
        """Drops variables that other statements read, until nothing changes."""
        harmless = harmless_queries(self.references)
        while True:
            every = widened(self.references, self.core | self._imports, harmless)
            self._going = every - self._imports
            read = {n.id for n, _ in self.references.reads if n.id in self.variables and not self.covers(n)}
            lost = {self.variables[n] for n in read} & self.core
            if not lost:
                return
            self.core -= lost
            self.core = {s for s in self.core if not self._sets(s, read)}

    def _sets(self, statement: ast.stmt, names: set[str]) -> bool:
        if not isinstance(statement, ast.Assign):
            return False
        root, attributes = chain(statement.targets[0])
        return bool(attributes) and root is not None and root.id in names

    def _conditional_imports(self) -> set[ast.stmt]:
        """Framework imports below an `if` or `try` of which no name is used any more."""
        used = {(r.binding.name, id(r.binding.scope)) for r in self._live}
        found = set()
        for binding in self.references.bindings:
            statement = binding.statement
            nested = not isinstance(self.references.parents[statement], ast.Module)
            framework = is_framework(binding.path) and binding.kind != "assign"
            if nested and framework and (binding.name, id(binding.scope)) not in used:
                found.add(statement)
        return found


def harmless_queries(references: References) -> Callable[[ast.Call], bool]:
    """Tells of a call in a condition whether it asks something and does nothing."""
    paths = {r.node: r.path for r in references.references}

    def harmless(node: ast.Call) -> bool:
        inner: ast.expr | None = node.func
        if isinstance(inner, ast.Name) and inner.id in _PURE:
            return True
        while inner is not None and inner not in paths:
            if isinstance(inner, ast.Call):
                inner = inner.func
            else:
                inner = inner.value if isinstance(inner, ast.Attribute | ast.Subscript) else None
        return inner is not None and paths[inner].startswith(_QUERIES)

    return harmless


def _dotted(node: ast.expr) -> str:
    root, attributes = chain(node)
    return ".".join([root.id, *attributes]) if root is not None else ""
