"""Brackets behind tensors, shapes and lists of modules."""

from __future__ import annotations

import ast
from dataclasses import replace

from transpile.backends.body_attributes import Attributes
from transpile.ir import UNKNOWN
from transpile.ops._functions import Left, Operand, fresh, moved_axis, relaid, shown_axis, written_parts
from transpile.torch_values import (
    UNKNOWN_VALUE,
    Chain,
    Container,
    Either,
    Items,
    Many,
    Plain,
    Tensor,
    each_of,
)


def picked(base: Operand, index: int) -> Operand | None:
    """One element of a tuple that is written out, such as the values of `x.max(dim=1)`, without the others."""
    assert isinstance(base.value, Items)
    parts = written_parts(base.text)
    if len(parts) != len(base.value.items):
        return None
    return Operand(parts[index], base.value.items[index])


class Pieces(Attributes):
    """Adds subscripts to the expressions."""

    def on_Subscript(self, node: ast.Subscript) -> Operand:
        shape = self.shape_piece(node)
        if shape is not None:
            return shape
        base = self.expr(node.value)
        value = base.value
        if isinstance(value, Tensor):
            return self.tensor_piece(node, base)
        if isinstance(value, Either):  # only lists and tuples have elements
            kept = tuple(v for v in value.values if not isinstance(v, Plain))
            value = kept[0] if len(kept) == 1 else Either(kept)
            base = Operand(base.text, value, base.elements)
        index = self.expr(node.slice)
        text = self.rebuilt(node, [(node.value, base.text), (node.slice, index.text)])
        if (
            isinstance(value, Items)
            and isinstance(index.const, int)
            and -len(value.items) <= index.const < len(value.items)
        ):
            return picked(base, index.const) or Operand(text, value.items[index.const])
        if isinstance(value, Chain):
            layers = self.rebuilt(node, [(node.value, f"{base.text}.layers"), (node.slice, index.text)])
            if isinstance(node.slice, ast.Slice):
                self.imports.add("import keras")
                return Operand(f"keras.Sequential({layers})", Chain(each=each_of(value)))
            return Operand(layers, each_of(value))
        if isinstance(node.slice, ast.Slice):
            return Operand(text, Many(each_of(value)) if isinstance(value, Items | Many | Container) else value)
        return Operand(text, each_of(value) if isinstance(value, Items | Many | Container | Either) else UNKNOWN_VALUE)

    def on_Slice(self, node: ast.Slice) -> Operand:
        parts = [(p, self.expr(p).text) for p in (node.lower, node.upper, node.step) if p is not None]
        return Operand(self.rebuilt(node, parts), Plain())

    def shape_piece(self, node: ast.Subscript) -> Operand | None:
        """`x.shape[1]` and `x.size()[2:]` of a tensor whose channels are last."""
        inner = node.value
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr == "size":
            tensor_node = inner.func.value if not inner.args else None
        elif isinstance(inner, ast.Attribute) and inner.attr == "shape":
            tensor_node = inner.value
        else:
            return None
        base = self.expr(tensor_node) if tensor_node is not None else None
        if base is None or not isinstance(base.value, Tensor):
            return None
        index = self.expr(node.slice)
        rank, x = base.value.rank.value, base.text
        if isinstance(node.slice, ast.Slice):
            return self.shape_slice(node.slice, base, index)
        if not base.value.last:
            return self.made(f"ops.shape({x})[{index.text}]", Plain())
        if rank is None or not isinstance(index.const, int):
            raise Left("an extent of a tensor that runs channels last", "T2K104")
        return self.made(f"ops.shape({x})[{shown_axis(moved_axis(index.const, rank), rank)}]", Plain())

    def shape_slice(self, node: ast.Slice, base: Operand, index: Operand) -> Operand:
        value, rank = base.value, base.value.rank.value if isinstance(base.value, Tensor) else None
        found = [self.expr(p).const if p is not None else None for p in (node.lower, node.upper)]
        bounds = [b if isinstance(b, int) else None for b in found]
        if isinstance(value, Tensor) and value.last and rank is not None:
            axes = list(range(rank))[bounds[0] : bounds[1]]
            if axes == list(range(2, rank)):
                return self.made(f"ops.shape({base.text})[1:-1]", Items(tuple(Plain() for _ in axes)))
        text = f"ops.shape({relaid(base.text, value, False)})[{index.text}]"
        count = len(list(range(rank))[bounds[0] : bounds[1]]) if rank is not None and UNKNOWN not in found else None
        return self.made(text, Items(tuple(Plain() for _ in range(count))) if count is not None else UNKNOWN_VALUE)

    def taken(self, base: Operand, elements: list[ast.expr], found: list[Operand]) -> Operand | None:
        """`x[:, index]`: indices along one axis."""
        before = elements[:-1]
        index, value = found[-1].value, base.value
        whole = all(isinstance(e, ast.Slice) and e.lower is e.upper is e.step is None for e in before)
        if not (whole and isinstance(index, Tensor) and index.dtype == "int" and isinstance(value, Tensor)):
            return None
        text = f"ops.take({relaid(base.text, value, False)}, {found[-1].text}, axis={len(before)})"
        rank, more = value.rank.value, index.rank.value
        return self.made(text, fresh(rank - 1 + more if rank and more else None, value.dtype))

    def tensor_piece(self, node: ast.Subscript, base: Operand) -> Operand:
        """Slices, integers and None in the brackets of a tensor."""
        value = base.value
        assert isinstance(value, Tensor)
        elements = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        found = [self.expr(e) for e in elements]
        indices = [f for f in found if isinstance(f.value, Tensor) and f.value.rank.value != 0]
        if indices:
            if (taken := self.taken(base, elements, found)) is not None:
                return taken
            raise Left("a tensor as index of a tensor")
        if value.last and len(elements) == 2 and all(isinstance(e, ast.Slice) for e in elements):
            first = elements[0]
            if isinstance(first, ast.Slice) and first.lower is first.upper is first.step is None:
                return Operand(f"{base.text}[..., {found[1].text}]", value)
        rank = value.rank.value
        if value.last and len(elements) == rank and all(isinstance(e, ast.Slice) for e in elements):
            order = [found[0], *found[2:], found[1]]
            return Operand(f"{base.text}[{', '.join(f.text for f in order)}]", replace(value, ones=False))
        if value.last and isinstance(elements[0], ast.Slice) and len(elements) == 1:
            return Operand(self.rebuilt(node, [(node.value, base.text), (node.slice, found[0].text)]), value)
        change = 0
        for element, operand in zip(elements, found):
            if isinstance(element, ast.Constant) and element.value is None:
                change += 1
            elif not isinstance(element, ast.Slice) and not (
                isinstance(element, ast.Constant) and element.value is ...
            ):
                change -= 1
                if not isinstance(operand.value, Plain | Tensor) and operand.value is not UNKNOWN_VALUE:
                    raise Left("an index of a tensor")
        text = self.rebuilt(
            node, [(node.value, relaid(base.text, value, False)), *zip(elements, [f.text for f in found])]
        )
        return Operand(text, fresh(None if rank is None else rank + change, value.dtype))
