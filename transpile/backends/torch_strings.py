"""`tf.strings` in the functions that a TextVectorization calls: Python's own methods, on one text."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from transpile.backends.torch_helpers import Writing
from transpile.frontends.keras_utilities import Use, use_of
from transpile.interpret.vocabularies import text_functions
from transpile.references import References

# Parameters of the functions that are written, in TensorFlow's order.
_PARAMETERS: dict[str, tuple[str, ...]] = {
    "lower": ("input", "encoding"),
    "upper": ("input", "encoding"),
    "strip": ("input",),
    "regex_replace": ("input", "pattern", "rewrite", "replace_global"),
    "split": ("input", "sep"),
    "unicode_split": ("input", "input_encoding"),
    "join": ("inputs", "separator"),
}
# Of RE2 alone, or with another meaning there: such patterns are left.
_FOREIGN = re.compile(r"\\[pPCzQ]|\[\[:|\(\?[a-zA-Z]*U|\\\d")
_OF_UNICODE = re.compile(r"\\[wWdDsSbB]")


class _Unknown(Exception):
    """A call that has no counterpart."""


def write_strings(writing: Writing, use: Use) -> bool:
    """A call of `tf.strings` (with those inside of it); whether it could be done."""
    references = writing.references
    functions = text_functions(references)
    if use.call is None or not any(n in functions for n in references.around(use.call)):
        return False
    if any(isinstance(n, ast.Call) and n in _calls(references) for n in references.around(use.call)):
        return True  # written with the one around it
    try:
        text = _Strings(writing).text(use.call)
    except _Unknown as unknown:
        writing.output.report("K2T193", writing.span(use.call), str(unknown))
        return False
    writing.output.edit(writing.span(use.call), text)
    return True


def _calls(references: References) -> dict[ast.AST, Use]:
    """The calls of functions of `tf.strings`."""
    uses = [use_of(references, r) for r in references.references if r.path.startswith("tf.strings.")]
    return {u.call: u for u in uses if u.call is not None}


class _Strings:
    def __init__(self, writing: Writing) -> None:
        self.writing, self.references = writing, writing.references
        self.calls = _calls(self.references)
        self.frameworks = {r.node for r in self.references.references}

    def text(self, node: ast.expr) -> str:
        """An expression with its calls of `tf.strings` written anew. Raises _Unknown."""
        use = self.calls.get(node)
        if use is not None:
            return self._call(use)
        start, code = self.references.start(node), self.references.code(node).encode()
        pieces: list[bytes] = []
        position = 0
        for inner in self._outermost(node):
            at = self.references.start(inner) - start
            pieces += [code[position:at], self.text(inner).encode()]
            position = self.references.end(inner) - start
        return b"".join([*pieces, code[position:]]).decode()

    def _outermost(self, node: ast.AST) -> list[ast.Call]:
        found: list[ast.Call] = []
        for child in ast.iter_child_nodes(node):
            if child in self.frameworks:
                raise _Unknown("TensorFlow's own code among strings")
            found += [child] if isinstance(child, ast.Call) and child in self.calls else self._outermost(child)
        return sorted(found, key=self.references.start)

    def _call(self, use: Use) -> str:
        name = use.path.rpartition(".")[2]
        given = use.arguments(*_PARAMETERS[name]) if name in _PARAMETERS else None
        if given is None or _PARAMETERS[name][0] not in given:
            raise _Unknown(f"{use.path}, called like this, has no counterpart for one text")
        writers: dict[str, Callable[[dict[str, ast.expr]], str]] = {
            "lower": lambda g: self._cased("lower", g), "upper": lambda g: self._cased("upper", g),
            "strip": self._strip, "regex_replace": self._replace, "split": self._split,
            "unicode_split": lambda g: f"list({self.text(g['input'])})", "join": self._join,
        }  # fmt: skip
        return writers[name](given)

    def _subject(self, node: ast.expr) -> str:
        """Text that a method may be called on."""
        text = self.text(node)
        simple = isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call)
        return text if simple and not text.startswith("[") else f"({text})"

    def _cased(self, method: str, given: dict[str, ast.expr]) -> str:
        subject = self._subject(given["input"])
        if "encoding" in given:
            return f"{subject}.{method}()"
        return f"{subject}.encode().{method}().decode()"  # only ASCII letters

    def _strip(self, given: dict[str, ast.expr]) -> str:
        return f'{self._subject(given["input"])}.strip(" \\t\\n\\v\\f\\r")'

    def _split(self, given: dict[str, ast.expr]) -> str:
        if "sep" in given:
            return f"{self._subject(given['input'])}.split({self.text(given['sep'])})"
        self.writing.output.imports.add("import re")
        return f're.findall(r"[^ \\t\\n\\v\\f\\r]+", {self.text(given["input"])})'

    def _join(self, given: dict[str, ast.expr]) -> str:
        separator = self._subject(given["separator"]) if "separator" in given else '""'
        return f"{separator}.join({self.text(given['inputs'])})"

    def _replace(self, given: dict[str, ast.expr]) -> str:
        if not {"pattern", "rewrite"} <= given.keys():
            raise _Unknown("tf.strings.regex_replace without its pattern")
        pattern, rewrite = given["pattern"], given["rewrite"]
        parts, whole = self._constants(pattern)
        if any(_FOREIGN.search(p) for p in parts):
            raise _Unknown("a pattern that RE2 and Python's re do not share")
        if not isinstance(rewrite, ast.Constant) or "\\0" in str(rewrite.value):
            raise _Unknown("what replaces the matches is not a plain string")
        everywhere = given.get("replace_global", ast.Constant(True))
        if not isinstance(everywhere, ast.Constant):
            raise _Unknown("tf.strings.regex_replace: replace_global is not known")
        self.writing.output.imports.add("import re")
        more = "" if everywhere.value else ", count=1"
        more += "" if whole and not any(_OF_UNICODE.search(p) for p in parts) else ", flags=re.ASCII"
        texts = [self.text(n) for n in (pattern, rewrite, given["input"])]
        return f"re.sub({', '.join(texts)}{more})"

    def _constants(self, pattern: ast.expr) -> tuple[list[str], bool]:
        """The constant strings of a pattern, and whether nothing else in it can hold a class of characters."""
        parts = [n.value for n in ast.walk(pattern) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        names = [n for n in ast.walk(pattern) if isinstance(n, ast.Name)]
        escaped = {n for c in ast.walk(pattern) if _escapes(c) for n in ast.walk(c)}
        for name in names:
            value = self._value(name)
            if value is not None:
                parts.append(value)
            elif name not in escaped:
                return parts, False
        return parts, True

    def _value(self, name: ast.Name) -> str | None:
        """The string that the only assignment to a variable gives it."""
        found = [
            s.value
            for s in ast.walk(self.references.tree)
            if isinstance(s, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name.id for t in s.targets)
        ]
        value = found[0] if len(found) == 1 else None
        return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _escapes(node: ast.AST) -> bool:
    """`re.escape(...)`"""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "escape"
