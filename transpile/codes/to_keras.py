"""T2K1xx to T2K3xx: what `torch2keras` says of classes and of code in general."""

from __future__ import annotations

from transpile.codes.code import Code

TO_KERAS = (
    Code(
        "T2K100",
        "error",
        "PyTorch code without counterpart",
        """\
This piece of PyTorch was not converted. It was left, together with the import it needs, so
the converted program still needs PyTorch there.""",
        "convert it by hand",
    ),
    Code(
        "T2K101",
        "error",
        "module class left as it was",
        """\
The class is an `nn.Module`, and something in it has no counterpart: the first such place is
named. A class is converted as a whole or not at all, because half of a model runs nowhere.

    class Net(nn.Module):
        def forward(self, x):
            return torch.fft.fft(x)      # left: no counterpart""",
        "replace what is named by hand, then convert again",
    ),
    Code(
        "T2K102",
        "error",
        "module without counterpart",
        """\
The module of `torch.nn` has no layer of Keras that computes the same, or one of its arguments
has none.

    nn.Conv2d(3, 8, 3, padding=1)         # converted
    nn.FractionalMaxPool2d(3, 0.5)        # left""",
        "write the layer by hand",
    ),
    Code(
        "T2K103",
        "error",
        "tensor function without counterpart",
        """\
The function or method of a tensor has no counterpart in `keras.ops`, or one of its arguments
has none.

    x.view(x.size(0), -1)        # converted
    x.storage()                  # left""",
        "write it with keras.ops by hand",
    ),
    Code(
        "T2K104",
        "error",
        "only known at run time",
        """\
How the construct is translated depends on a value that is only known when the program runs.

    x.mean(1)          # converted
    x.mean(dims)       # left where x runs channels last: which axes they are is not known""",
        "write the value where it is used",
    ),
    Code(
        "T2K105",
        "error",
        "ready-made model",
        """\
The model comes from torchvision or timm. `keras.applications` has models of the same names, but
with other weights, and most of them with other layers: biases, paddings, epsilons, and the place
of the strides. So what is built on one computes something else.

    models.resnet18(pretrained=True)     # left: there is no such model
    models.resnet50(pretrained=True)     # left: Keras's strides elsewhere, its convolutions have biases""",
        "take a model of keras.applications, with its own preprocess_input, and train what stands on it again",
    ),
    Code(
        "T2K106",
        "error",
        "size that depends on values",
        """\
How many elements the result has depends on the values of the tensor. Keras's functions give tensors
whose sizes are known before: there is none that does the same with every backend.

    torch.unique(x), torch.nonzero(x), torch.masked_select(x, mask)     # left""",
        "count with a fixed number of places, or compute it with numpy outside of the model",
    ),
    Code(
        "T2K201",
        "warning",
        "file that uses both frameworks",
        """\
The file uses Keras or TensorFlow as well as PyTorch. Its Keras code stays.""",
        "look at the places where both meet",
    ),
    Code(
        "T2K202",
        "warning",
        "module from another file",
        """\
The layer's class is imported, so what it does is not known here. It is taken to be converted as
well, and to take and return PyTorch's layout (channels first), as every converted class does
that other files can use.

    from blocks import Residual""",
        "convert that file as well, and look at the layout of what goes in and comes out",
    ),
    Code(
        "T2K203",
        "warning",
        "what a tensor is changed into in place is seen elsewhere",
        """\
PyTorch changes the tensor in place, so every other name for it sees the change, too. The
converted program makes a new tensor, which only this name sees.

    y = x
    x += 1        # PyTorch changes y, too""",
        "look whether the other name is used after the change",
    ),
    Code(
        "T2K204",
        "warning",
        "initial values are not PyTorch's",
        """\
The program sets initial values in a way that has no counterpart in the arguments of the layers,
so the layers start with other values. Trained weights that are carried over are not affected.""",
        "set the initialisers of the layers by hand",
    ),
    Code(
        "T2K301",
        "note",
        "convolutions run channels last",
        """\
A class that only other classes of the file use takes and returns its images with the channels
last, as Keras convolves. The outermost class transposes once where images come in, so
the model takes the arrays that it took before.""",
        "",
    ),
    Code(
        "T2K302",
        "note",
        "the running variance of batch normalisation",
        """\
PyTorch keeps the unbiased variance of each batch for inference, Keras the biased one. They
differ by n / (n - 1), n being the number of values per channel in a batch. Weights that
are carried over give the same results.""",
        "",
    ),
)
