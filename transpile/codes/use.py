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
        "K2T179",
        "error",
        "model changed after it was used",
        """\
Layers are added to a Sequential, or taken from it, after it was trained or has predicted. A
class says once what a model is; the changed model would be another class that shares layers.

    model.add(Dense(10)); model.fit(x, y); model.pop(); model.add(Dense(3))   # left
    Model(model.input, Dense(3)(model.layers[-2].output))                     # converted""",
        "make a new model from the layers that stay",
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
    Code(
        "K2T352",
        "note",
        "frozen when compiled",
        """\
In Keras 2 a model trains what is trainable when it is compiled. GANs rely on that: the
discriminator is compiled, then `discriminator.trainable = False` freezes it for the combined
model. Keras 3 looks when a model is first trained, so that there the discriminator would not
be trained at all. The converted program does what Keras 2 does: each optimizer gets the
parameters that its model trains.""",
        "nothing to do, unless you relied on what Keras 3 does",
    ),
    Code(
        "K2T356",
        "note",
        "a call without training",
        """\
`fit` trains a model of your own class whose `call` takes no `training`. In Keras 2 its Dropout and
BatchNormalization layers know the mode all the same. Keras 3 only tells a model that it trains if
`call` takes `training`: else dropout drops nothing and batch normalization uses and keeps its
initial statistics, in training, too. The converted program trains as Keras 2 does.

    def call(self, x):                      # Keras 2: drops in training; Keras 3: never
        return self.dropout(self.dense(x))""",
        "give call() a parameter training=None, and both versions agree",
    ),
    Code(
        "K2T360",
        "note",
        "a fixed mode",
        """\
A functional model calls a layer, or another model, with training=True or training=False. In
Keras 2 that layer stays in that mode: `base(x, training=False)` never normalizes by the batch,
`Dropout(0.5)(x, training=True)` drops at prediction, too. In Keras 3 that only holds where the
whole model is called without a mode; `fit` and `predict` give it theirs. The converted module
sets the mode again in its `train()`, which is what the program says.""",
        "nothing to do, unless you relied on what Keras 3 does",
    ),
    Code(
        "K2T361",
        "note",
        "crossentropy behind the other activation",
        """\
A binary crossentropy stands behind a softmax, or a categorical one behind a sigmoid. Keras on
TensorFlow looks behind the activation and takes what goes into it for the logits of the loss:
the binary crossentropy of a softmax is that of sigmoids. The converted program computes the same
loss; predictions and other metrics get the activation of the model. On JAX or PyTorch Keras
would compute the loss from the probabilities.

    Dense(3, activation="softmax") ... loss="binary_crossentropy"     # nn.BCEWithLogitsLoss()""",
        "give the model the activation that fits its loss, if that is what you meant",
    ),
    Code(
        "K2T353",
        "note",
        "one optimizer for several models",
        """\
The program gives one optimizer object to several models. Keras 2 kept moments per weight, and
one count of steps for all of them, which enters the bias correction of Adam in the first steps.
Keras 3 refuses it. In PyTorch an optimizer belongs to its parameters, so each model got its own.""",
        "nothing to do",
    ),
    Code(
        "K2T233",
        "warning",
        "pretrained network of torchvision",
        """\
A network of keras.applications became the one of the same name in torchvision. Its pretrained
weights come from another training, so features and results differ; besides VGG, details of the
architecture differ too (where a block strides, padding, epsilon); with `weights=None` the initial
weights have another distribution. Its inputs are scaled in another way: `preprocess_input` was
replaced by what torchvision's weights expect. EfficientNet and MobileNetV3 scale images of 0 to 255
themselves in Keras; here the model does so before it calls torchvision's network.

    base = VGG16(include_top=False, input_shape=(150, 150, 3))   # torchvision.models.vgg16
    base = Xception(include_top=False)                           # left: torchvision has none""",
        "check the accuracy; a head that was trained on Keras's features must be trained again",
    ),
    Code(
        "K2T354",
        "note",
        "optimizer state not loaded",
        """\
`load_model` brings back the optimizer with its moments and its count of steps. The converted
program loads the weights; the optimizer goes on with the state that it has.

    model = load_model("best.keras")   # model.load_state_dict(torch.load("best.pt"))
    model.fit(x, y)                    # by the optimizer from before""",
        "save optimizer.state_dict() beside the model's, if it matters",
    ),
    Code(
        "K2T346",
        "note",
        "unused object left out",
        """\
The program makes an optimizer, a callback, a loss or a metric of Keras and uses it nowhere:
often the training that used it was commented out. Making it has no effect, so the line was
left out. In a file that only defines things, another file may use it: there it is reported.

    early = EarlyStopping(patience=10)      # left out
    # model.fit(x, y, callbacks=[early])""",
        "",
    ),
)
