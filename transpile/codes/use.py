"""Codes of what a program does with its models, their layers and their weights."""

from __future__ import annotations

from transpile.codes.code import Code

USE = (
    Code(
        "K2T178",
        "error",
        "layer without a module",
        """\
The program asks a model for one of its layers. In PyTorch only what has parameters or a state
is a module: an activation or a Flatten has become a function call. Or which layer is meant is
only known when the program runs, or the model's layers lie in loops of the written class.

    model.layers[-2].get_weights()           # converted, where that is a Dense
    for layer in model.layers: show(layer)   # left""",
        "name the module by hand: model.named_children() lists them",
    ),
    Code(
        "K2T180",
        "error",
        "weights in another layout",
        """\
`get_weights` and `set_weights` exchange arrays in Keras's order and layout. For a Dense, a
convolution, an Embedding or a normalization they are the transposed parameters. For a whole
model, or a recurrent layer, they are not.

    kernel, bias = model.layers[0].get_weights()    # converted
    target.set_weights(model.get_weights())         # converted: load_state_dict
    arrays = model.get_weights()                    # left, if the arrays are read""",
        "use state_dict() and load_state_dict(), which exchange tensors by name",
    ),
)
