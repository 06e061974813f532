"""K2T101 to K2T119, errors: parts of a model that were left as they were."""

from __future__ import annotations

from transpile.codes.code import Code

MODEL = (
    Code(
        "K2T101",
        "error",
        "unknown layer",
        """\
The layer has no entry in the table of operations (`transpile ops`), so the model that
uses it was left as it was.

    model.add(layers.Hashing(num_bins=3))     # left: no counterpart""",
        "`transpile ops` lists what is supported; convert this model by hand",
    ),
    Code(
        "K2T102",
        "error",
        "custom layer",
        """\
The model uses a class derived from `keras.layers.Layer`. Its `build` and `call` are
Python of your own, which this version does not convert.

    class Scale(layers.Layer):
        def call(self, x):
            return x * self.gamma

Where the layer is a composition of existing ones, a function of a tensor converts:

    def scale_block(x):
        return layers.Dense(8)(layers.LayerNormalization()(x))""",
        "rewrite the class as an nn.Module by hand",
    ),
    Code(
        "K2T103",
        "error",
        "subclassed model",
        """\
The model is a class derived from `keras.Model` with a `call` method. This version converts
Sequential models, functional models and functions that build them.

    class Net(keras.Model):
        def call(self, x): ...                # left

    inputs = keras.Input((28, 28, 1))
    model = keras.Model(inputs, head(inputs)) # converted""",
        "write the model in functional form, or convert the class by hand",
    ),
    Code(
        "K2T104",
        "error",
        "unsupported argument",
        """\
The layer is known, but this argument of it has no counterpart, and leaving it out would
change what the model computes. Nothing is ever dropped in silence, so the call was left.

    layers.Embedding(1000, 16, embeddings_constraint="unit_norm")   # left
    layers.Embedding(1000, 16)                                      # converted""",
        "remove the argument if you don't need it, or convert the call by hand",
    ),
    Code(
        "K2T105",
        "error",
        "argument value only known at run time",
        """\
The translation depends on the value of this argument, and the value is not known
before the program runs.

    layers.Conv2D(8, 3, padding=args.padding)   # left: "same" and "valid" differ in PyTorch
    layers.Conv2D(args.filters, 3)              # converted: any number will do""",
        "write the value out",
    ),
    Code(
        "K2T106",
        "error",
        "unknown activation",
        """\
The activation is neither one of Keras's names nor a function of `keras.activations` that
has a counterpart.

    layers.Dense(8, activation=my_function)     # left
    layers.Dense(8, activation="relu")          # converted""",
        "apply the function to the layer's output yourself in the converted model",
    ),
    Code(
        "K2T107",
        "error",
        "unknown initializer, regularizer or constraint",
        """\
The initializer, regularizer or constraint has no counterpart, or is a function of your own.

    layers.Dense(8, kernel_initializer=my_init)      # left
    layers.Dense(8, kernel_initializer="he_normal")  # converted""",
        "use a named one, or set the weights in the converted model by hand",
    ),
    Code(
        "K2T108",
        "error",
        "body of a Lambda layer not understood",
        """\
The function given to `Lambda` uses something that has no counterpart.

    layers.Lambda(lambda t: t / 255.0)               # converted
    layers.Lambda(lambda t: tf.py_function(f, t))    # left""",
        "write the function with arithmetic, slices and keras.ops",
    ),
    Code(
        "K2T109",
        "error",
        "control flow in the construction of a model not understood",
        """\
The function that builds the model contains a construct that cannot be followed without
running it: `while` on a value only known at run time, `try`, recursion, a generator.

    while width > limit(): x = block(x); width //= 2   # left
    for width in (64, 32, 16): x = block(x, width)     # converted""",
        "write the construction with for loops and conditions on known values",
    ),
    Code(
        "K2T110",
        "error",
        "graph of the model not understood",
        """\
The way from the inputs of the model to its outputs could not be followed: a tensor comes
from another file, from a layer picked by name, or from the inside of another model.

    features = base.get_layer("block3").output         # left
    features = base_block3(inputs)                     # converted""",
        "build the model from its inputs in this file",
    ),
    Code(
        "K2T111",
        "error",
        "the model does not fit together",
        """\
By its shapes the model cannot be built: Keras would refuse it as well, for instance a
Conv2D on a two-dimensional input.""",
        "run the Keras program; mend what it reports",
    ),
    Code(
        "K2T112",
        "error",
        "tensor operation without counterpart",
        """\
A `tf.*`, `keras.ops.*` or `keras.backend.*` function applied to tensors of the model is not
in the table of operations.

    x = tf.image.non_max_suppression(boxes, scores, 9)   # left
    x = tf.reduce_mean(x, axis=1)                        # converted""",
        "write it with operations that `transpile ops` lists",
    ),
    Code(
        "K2T113",
        "error",
        "mask not supported here",
        """\
An earlier `Masking` or `Embedding(mask_zero=True)` makes Keras hand a mask to this layer, and
the layer's behaviour under a mask is not supported. Without it the results would differ
on padded steps.""",
        "remove the mask if your sequences have no padding",
    ),
    Code(
        "K2T114",
        "error",
        "stateful recurrent layer",
        """\
With `stateful=True` Keras carries the state of a recurrent layer over from batch to batch,
epoch to epoch, until `reset_states()`. This version does not convert that.""",
        "pass the state explicitly in the converted model",
    ),
    Code(
        "K2T115",
        "error",
        "pretrained application",
        """\
torchvision stands in for those networks of `keras.applications` that it has under the same name,
with weights of ImageNet or without. Networks that it lacks (Xception, ResNet50V2, MobileNet, NASNet,
InceptionResNetV2), weights from a file and other arguments are left; so is `preprocess_input` of
a network that was left.

    base = VGG16(weights="imagenet", include_top=False)      # torchvision.models.vgg16
    base = Xception(weights="imagenet", include_top=False)   # left: torchvision has no such network""",
        "choose a network of torchvision or timm yourself, and train its head again",
    ),
    Code(
        "K2T116",
        "error",
        "layers or weights accessed one by one",
        """\
`model.layers[3]`, `get_layer("name")`, `get_weights()`, `set_weights()`: Keras's numbering of
layers and its weight layout do not exist in the converted model.

    dense = layers.Dense(8); x = dense(x); w = dense.get_weights()   # left""",
        "use the attribute of the converted module, with its own layout",
    ),
    Code(
        "K2T117",
        "error",
        "extra loss or metric added inside a model",
        """\
`add_loss` and `add_metric` attach a value to the model that `fit` adds to the loss.""",
        "return the value from forward and add it to the loss in the loop",
    ),
    Code(
        "K2T118",
        "error",
        "freezing not understood",
        """\
`trainable` is set on something whose layers are not known here. A frozen Keras
BatchNormalization also switches to inference mode, so a guess could change the results.

    base.trainable = False         # converted where `base` is a model of this file""",
        "set requires_grad_(False), and .eval() on batch norms, by hand",
    ),
)
