"""K2T2xx, warnings: converted, but a person must look at it."""

from __future__ import annotations

from transpile.codes.code import Code

LOOK = (
    Code(
        "K2T201",
        "warning",
        "both frameworks in one file",
        """\
The file uses Keras and PyTorch. Its Keras parts were converted; where values pass between
the two (`.numpy()`, `torch.from_numpy`) the conversion may now be superfluous.""",
        "read the places where the two meet",
    ),
    Code(
        "K2T202",
        "warning",
        "file of Keras weights",
        """\
The program loads weights from a file that Keras wrote. PyTorch cannot read it; the converted
program expects a state dict under the new name.

    model.load_weights("model.weights.h5")
    model.load_state_dict(torch.load("model.pt"))""",
        "save the converted model once, with the weights of the Keras model",
    ),
    Code(
        "K2T203",
        "warning",
        "different interpolation",
        """\
Bicubic resizing without antialiasing uses different kernels (a = -0.5 in TensorFlow, -0.75 in
PyTorch): pixels differ by up to 0.2 on standard normal input.""",
        'use interpolation="bilinear" on both sides where exact results matter',
    ),
    Code(
        "K2T204",
        "warning",
        "optimizer with different updates",
        """\
PyTorch has an optimizer of this name whose updates are not equal: Muon orthogonalises in
bfloat16 there, which makes 1 to 3 percent of the update.""",
        "expect similar training, not equal numbers",
    ),
    Code(
        "K2T205",
        "warning",
        "Keras 2 and Keras 3 differ here",
        """\
The file is written for Keras 1 or 2, and this construct means something else in Keras 3. The
meaning of Keras 3 was taken. Known cases: `decay=` of an optimizer (Keras 3 ignores it), the
default `hard_sigmoid` of old recurrent layers, `hard_sigmoid` itself, the default
`reset_after=False` of old GRU layers.

    keras.optimizers.SGD(lr=0.1, decay=1e-4)   # Keras 3: the rate stays 0.1""",
        "write out which of the two you mean",
    ),
    Code(
        "K2T206",
        "warning",
        "value assumed",
        """\
Part of the translation depends on a value that is only known at run time; the usual value was
assumed, as the message says.""",
        "check that the assumption holds",
    ),
    Code(
        "K2T207",
        "warning",
        "rows that are masked everywhere",
        """\
Attention over a row in which every step is masked gives a value that depends on Keras's
settings, and NaN in PyTorch's own attention.""",
        "make sure that every sequence has at least one step",
    ),
    Code(
        "K2T208",
        "warning",
        "left code near converted code",
        """\
Code that was not converted reads a name that now holds a PyTorch object, for instance a helper
that calls a method of the Keras model.""",
        "read the uses of the name",
    ),
    Code(
        "K2T209",
        "warning",
        "file names of saved models",
        """\
The converted program writes a PyTorch file under the name that the Keras program used, because
the name is only known at run time. The content is a state dict whatever the extension.""",
        "change the extension to .pt",
    ),
    Code(
        "K2T210",
        "warning",
        "a name of the file is needed",
        """\
The converted model needs a short helper class or function, and the file already has something of
that name. Python takes whichever is defined last.""",
        "rename your own class or function and convert again",
    ),
    Code(
        "K2T211",
        "warning",
        "a statement of a helper was left out",
        """\
A function that only built a part of the model became part of the model's class, and a statement in
it that does something else, such as a print, has no place there.""",
        "add the statement where it is wanted",
    ),
    Code(
        "K2T212",
        "warning",
        "a function of another file is called on tensors",
        """\
A method of a converted class calls a function that is imported from another file. It is given PyTorch's tensors
now; whether it takes them depends on what it is written for, which cannot be seen here.

    from helpers import squash
    def call(self, x):
        return squash(x)        # warned of
        return np.squeeze(x)    # not warned of""",
        "convert the other file too, and give the function PyTorch's operations",
    ),
    Code(
        "K2T240",
        "warning",
        "a cloned model begins with the weights of the original",
        """\
`clone_model` gives the layers anew, with newly drawn weights. The converted program copies the model;
its weights are the original's until they are set or loaded.

    target = keras.models.clone_model(model)      # warned of
    other = keras.models.clone_model(model)       # not warned of: its weights are set next
    other.set_weights(model.get_weights())""",
        "set the weights of the copy, or make it by the model's class",
    ),
    Code(
        "K2T241",
        "warning",
        "a model described as text",
        """\
`to_json` and `to_yaml` describe the layers of a model, for `model_from_json` to make them again. PyTorch has no such
description: a model is made by its class. The converted program writes what `print(model)` shows, and copies the
model where it made one from that text.

    open("model.json", "w").write(model.to_json())     # warned of: the text shows the layers
    loaded = model_from_json(open("model.json").read())  # converted: copy.deepcopy(model)
    loaded.load_weights("model.h5")""",
        "keep the class beside the file of the weights; nothing else needs to be saved",
    ),
    Code(
        "K2T250",
        "warning",
        "crossentropy behind the other activation, kept in the model",
        """\
A binary crossentropy stands behind a softmax, or a categorical one behind a sigmoid. Keras on
TensorFlow looks behind the activation and takes what goes into it for logits, so that it trains
something else than the names say; its other backends take the probabilities. The model is used
in places that need its activation, so the converted loss or metric gets the probabilities.""",
        "give the model the activation that fits its loss",
    ),
)
