"""K2T3xx, notes: converted; something to know, nothing to do."""

from __future__ import annotations

from transpile.codes.code import Code

NOTES = (
    Code(
        "K2T301",
        "note",
        "size of an input not known",
        """\
PyTorch layers name the size of their input, and it is not known here. A lazy module
takes the size from the first batch; run one batch through the model before you count or
load its parameters.

    model = Sequential([layers.Dense(8)])                       # nn.LazyLinear(8)
    model = Sequential([keras.Input((4,)), layers.Dense(8)])    # nn.Linear(4, 8)""",
        "give the model an Input with a shape",
    ),
    Code(
        "K2T302",
        "note",
        "place of epsilon in adaptive optimizers",
        """\
Keras's Adam adds epsilon before the bias correction, PyTorch's after it; likewise in its
relatives. Updates differ by less than 1e-4 of their size unless gradients are tiny.
`--style exact` makes Adam and AdamW add it where Keras does.""",
        "",
    ),
    Code(
        "K2T303",
        "note",
        "gradients of embeddings",
        """\
When an index occurs twice in a batch, TensorFlow gives adaptive optimizers the two gradients
apart (the squares are added), PyTorch their sum (the sum is squared).""",
        "",
    ),
    Code(
        "K2T304",
        "note",
        "old Keras names",
        """\
The file uses names of Keras 1 or 2 (`Convolution2D`, `nb_epoch`, `border_mode`, `lr`). They were
read as their present equivalents.""",
        "",
    ),
    Code(
        "K2T305",
        "note",
        "random numbers",
        """\
Initial weights, dropout and shuffling have the same distributions in both frameworks; the
same seed gives different values.""",
        "",
    ),
    Code(
        "K2T306",
        "note",
        "softmax or sigmoid kept in the model",
        """\
The model ends in a softmax or sigmoid and is used in places that need probabilities, so it was
not moved into the loss. The loss takes the logarithm of the probabilities, as precise as Keras
on its PyTorch backend.""",
        "",
    ),
    Code(
        "K2T307",
        "note",
        "gradients at kinks and ties",
        """\
Where a function has no derivative (two equal maxima, `selu` at zero) the frameworks choose
different values. This matters only on constant input.""",
        "",
    ),
    Code(
        "K2T308",
        "note",
        "order of a seeded shuffle",
        """\
After `keras.utils.set_random_seed`, `fit` on the TensorFlow backend repeats the same order of
the samples in every epoch. The converted loop draws a new order in each.""",
        "",
    ),
    Code(
        "K2T309",
        "note",
        "no Keras in this file",
        "The file does not use Keras; the output is the input, byte for byte.",
        "",
    ),
    Code(
        "K2T310",
        "note",
        "parameter without effect",
        """\
A bias right before a batch normalisation has no effect on the output. Its gradient is rounding
noise in both frameworks, so its values drift apart.""",
        "use_bias=False in front of a batch normalisation",
    ),
    Code(
        "K2T311",
        "note",
        "depends on Keras's backend",
        """\
Keras itself computes this differently on its TensorFlow, JAX and PyTorch backends. It was
translated for TensorFlow, the reference.""",
        "",
    ),
    Code(
        "K2T312",
        "note",
        "accuracy by the shape of the output",
        """\
Keras chooses the kind of "accuracy" by shapes: with several sigmoid outputs it compares the
largest output with the largest label, not each label. The converted program computes the same.""",
        "",
    ),
    Code(
        "K2T320",
        "note",
        "parameter that decided what was written",
        """\
A parameter of a function or constructor says which layers, loss or optimizer there are. Every
call in the file gives it the same value (or leaves it at its default), and the code was written
for that value. A call from elsewhere that gives another one would get the same code.

    def build(optimizer="sgd"):                # always makes torch.optim.SGD: build("adam") is not called here
        ...
        model.compile(optimizer, "mse")""",
        "write a branch on the parameter if other code gives it other values",
    ),
    Code(
        "K2T330",
        "note",
        "set-up of TensorFlow left out",
        """\
The line only sets TensorFlow up (its graph, its log, its use of the GPU's memory) or draws the
Keras model. PyTorch needs none of it.

    K.clear_session()
    tf.config.experimental.set_memory_growth(gpu, True)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = '3'""",
        "",
    ),
    Code(
        "K2T331",
        "note",
        "set-up of TensorFlow kept",
        """\
The line sets TensorFlow up, and code that was left still uses TensorFlow, so the line stays.""",
        "",
    ),
    Code(
        "K2T332",
        "note",
        "another alias for a PyTorch module",
        """\
The program uses a name such as `F` or `nn` for something of its own, so the PyTorch module
of that usual name was imported under another one.""",
        "",
    ),
)
