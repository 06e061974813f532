"""Categories inside of a model: numbers of classes as vectors, values as numbers of bins.

https://keras.io/api/layers/preprocessing_layers/categorical/category_encoding/
https://keras.io/api/layers/preprocessing_layers/numerical/discretization/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from transpile.ir import Expr, Node, Shape
from transpile.ops._lowering import known, rank, refused, unsupported
from transpile.registry import Context, Example, Lowered, Op

_MODES = {"binary": "multi_hot"}  # Keras's older name
_JOINED = {"one_hot": "", "multi_hot": ".amax(dim=-2)", "count": ".sum(dim=-2)"}


def _mode(args: Mapping[str, Expr]) -> str:
    given = str(args["output_mode"].value)
    return _MODES.get(given, given)


def _is_column(shape: Shape) -> bool:
    """Whether each sample is a single class in an axis of its own."""
    return len(shape) > 1 and shape[-1].value == 1


def _encoded_shape(inputs: Sequence[Shape | None], args: Mapping[str, Expr]) -> Shape | None:
    shape = inputs[0] if inputs else None
    if shape is None:
        return None
    kept = shape[:-1] if _mode(args) != "one_hot" or _is_column(shape) else shape
    return (*kept, args["num_tokens"])


def _expand_encoding(op: Op, node: Node, context: Context) -> Lowered:
    """Rows of the unit matrix; the classes of one sample together, where a vector holds them all."""
    mode, shape = _mode(node.args), node.input_shapes[0]
    wrong = known(node, "output_mode", "sparse")
    if node.args["sparse"].value is True:
        wrong += unsupported("CategoryEncoding: sparse=True")
    if not wrong and mode not in _JOINED:
        wrong += unsupported(f"CategoryEncoding: output_mode={node.args['output_mode'].text}")
    if not wrong and rank(node) != 2:
        wrong += (("K2T111", "CategoryEncoding of what is no batch of rows of classes"),)
    if wrong or shape is None:
        return refused(*wrong)
    classes = "{x}.squeeze(-1).long()" if mode == "one_hot" and _is_column(shape) else "{x}.long()"
    count = node.args["num_tokens"].text
    return Lowered(call=f"torch.eye({count}, device={{x}}.device)[{classes}]{_JOINED[mode]}")


CATEGORY_ENCODING = Op(
    name="category_encoding",
    keras="layers.CategoryEncoding(num_tokens, output_mode='multi_hot', sparse=False)",
    layout="keras",
    shape=_encoded_shape,
    expand=_expand_encoding,
    renamed={"max_tokens": "num_tokens"},
    examples=(
        Example(
            "layers.CategoryEncoding(num_tokens=8)",
            "torch.eye(8, device=x.device)[x.long()].amax(dim=-2)",
            input=(3,),
            dtype="int32",
        ),
        Example(
            "layers.CategoryEncoding(8, output_mode='one_hot')",
            "torch.eye(8, device=x.device)[x.squeeze(-1).long()]",
            input=(1,),
            dtype="int32",
        ),
        Example(
            "layers.CategoryEncoding(8, 'count')",
            "torch.eye(8, device=x.device)[x.long()].sum(dim=-2)",
            input=(4,),
            dtype="int32",
        ),
    ),
)


def _expand_discretization(op: Op, node: Node, context: Context) -> Lowered:
    """The number of the bin: that of the boundaries which a value has reached."""
    boundaries = node.args["bin_boundaries"]
    wrong = known(node, "output_mode")
    if boundaries.value is None or node.args["num_bins"].value is not None:
        wrong += unsupported("Discretization: its boundaries come from adapt()")
    if not wrong and node.args["output_mode"].value != "int":
        wrong += unsupported(f"Discretization: output_mode={node.args['output_mode'].text}")
    if wrong:
        return refused(*wrong)
    return Lowered(
        call=f"torch.bucketize({{x}}, torch.tensor({boundaries.text}, dtype={{x}}.dtype, device={{x}}.device), right=True)"
    )


DISCRETIZATION = Op(
    name="discretization",
    keras="layers.Discretization(bin_boundaries=None, num_bins=None, epsilon=0.01, output_mode='int', sparse=False)",
    layout="keras",
    expand=_expand_discretization,
    ignored=("epsilon", "sparse"),
    examples=(
        Example(
            "layers.Discretization([-0.5, 0.0, 1.0])",
            "torch.bucketize(x, torch.tensor([-0.5, 0.0, 1.0], dtype=x.dtype, device=x.device), right=True)",
            input=(5,),
        ),
        Example(
            "layers.Discretization(bin_boundaries=[0.0])",
            "torch.bucketize(x, torch.tensor([0.0], dtype=x.dtype, device=x.device), right=True)",
            input=(5, 2),
        ),
    ),
)

OPS = (CATEGORY_ENCODING, DISCRETIZATION)
