"""File names of saved models: Keras's endings become .pt."""

from __future__ import annotations

import ast
import posixpath
import re

from transpile.frontends.texts import parse, segment
from transpile.ir import Expr

_ENDING = re.compile(r"(\.weights)?\.(h5|hdf5|keras|hdf|ckpt|tf|weights)$")


def torch_path(path: Expr) -> str:
    """The user's path with PyTorch's ending, where the ending is written in the text."""
    match = re.search(r"""(["'])\s*\)?$""", path.text)
    if match is None:
        return path.text
    end = match.start()
    head, tail = path.text[:end], path.text[end:]
    renamed = _ENDING.sub(".pt", head)
    if renamed == head and re.search(r"""["'/\w-]$""", head) and "." not in head.rpartition("/")[2].rpartition("'")[2]:
        renamed = head + ".pt"
    return renamed + tail


def keeps_name(path: Expr) -> bool:
    """Whether the ending is only known at run time."""
    return not torch_path(path).rstrip(")\"' ").endswith(".pt")


def is_template(path: Expr) -> bool:
    """Whether the path has places for the epoch and values, or may have them."""
    if isinstance(path.value, str):
        return "{" in path.value
    node = parse(path.text)
    while True:  # the end of the path, where it is written out
        match node:
            case ast.BinOp(op=ast.Add(), right=right):
                node = right
            case ast.Call(args=[*_, last]) if ast.unparse(node.func).endswith("path.join"):
                node = last
            case ast.JoinedStr(values=values):
                return any(isinstance(v, ast.Constant) and "{" in str(v.value) for v in values)
            case ast.Constant(value=str(text)):
                return "{" in text
            case _:
                return True


def folder_of(path: Expr) -> str:
    """The text of the folder of a path; "" for a file in the current one."""
    node = parse(path.text)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        folder = posixpath.dirname(node.value)
        return f'"{folder}"' if folder and "{" not in folder else ""
    if isinstance(path.value, str) and not posixpath.dirname(path.value):
        return ""
    match node:
        case ast.Call(args=[*first, ast.Constant(value=str(leaf))]) if (
            ast.unparse(node.func).endswith("path.join") and first and "/" not in leaf
        ):
            texts = [segment(path.text, e) for e in first]
            return texts[0] if len(texts) == 1 else f"os.path.join({', '.join(texts)})"
    if isinstance(path.value, str) and "{" in posixpath.dirname(path.value):
        return ""
    written = re.fullmatch(r"""f(["'])([^"']*)/[^"'/{}]*([{][^"'/]*[}][^"'/{}]*)*\1""", path.text)
    if written:
        return f'{"f" if "{" in written[2] else ""}"{written[2]}"'
    return f"os.path.dirname({path.text})" + ("" if isinstance(path.value, str) else ' or "."')


def makes_folder(folder: str, source: str) -> bool:
    """Whether the program makes that folder itself; `folder` is its text."""
    text = re.escape(folder).replace('"', "[\"']")
    return re.search(rf"\b(makedirs|mkdir)\(\s*{text}\s*[,)]", source) is not None
