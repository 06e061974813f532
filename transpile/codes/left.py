"""K2T120 to K2T199, errors: training, data and other code that was left as it was."""

from __future__ import annotations

from transpile.codes.code import Code

LEFT = (
    Code(
        "K2T120",
        "error",
        "unknown loss",
        """\
The loss is neither one of Keras's names nor a class of `keras.losses` with a counterpart.

    model.compile(loss="ctc", ...)                   # left
    model.compile(loss="binary_crossentropy", ...)   # converted""",
        "write the loss as a function of (prediction, target) in the loop",
    ),
    Code(
        "K2T121",
        "error",
        "unknown optimizer",
        """\
The optimizer has no counterpart, or is an object made elsewhere.

    model.compile(optimizer=make_optimizer(), ...)   # left
    model.compile(optimizer=keras.optimizers.SGD(0.1), ...)   # converted""",
        "make the torch.optim optimizer by hand",
    ),
    Code(
        "K2T122",
        "error",
        "unknown metric",
        """\
The metric has no counterpart.

    metrics=["accuracy"]                 # converted
    metrics=[keras.metrics.BinaryIoU()]  # left""",
        "compute it in the evaluation loop by hand",
    ),
    Code(
        "K2T123",
        "error",
        "custom loss or metric",
        """\
The loss or metric is a function of your own that takes `(y_true, y_pred)`, and its body uses
something without a counterpart.

    def weighted(y_true, y_pred):
        return tf.py_function(score, [y_true, y_pred], tf.float32)   # left""",
        "rewrite the function with torch operations",
    ),
    Code(
        "K2T124",
        "error",
        "gradient tape",
        """\
The program computes gradients itself with `tf.GradientTape`. This version converts
`compile` and `fit`; your own training loop was left.""",
        "write the step with loss.backward() and optimizer.step()",
    ),
    Code(
        "K2T125",
        "error",
        "unsupported argument of training",
        """\
An argument of `compile`, `fit`, `evaluate` or `predict` has no counterpart in the training
loop that is written.

    model.fit(x, y, epochs=3)                                  # converted
    model.fit(x, y, epochs=3, sample_weight=w)                 # left""",
        "remove the argument if you don't need it, or convert the call by hand",
    ),
    Code(
        "K2T126",
        "error",
        "unsupported callback",
        """\
The callback, or an argument of it, has no counterpart, or what it monitors is not computed.
The others become a few lines of the training loop, and classes of your own plain classes.

    callbacks=[keras.callbacks.EarlyStopping(patience=3)]                 # converted
    callbacks=[PlotLosses()]                                              # converted
    callbacks=[keras.callbacks.TensorBoard(update_freq="batch")]          # left""",
        "call what it does from the training loop by hand",
    ),
    Code(
        "K2T127",
        "error",
        "training data from a generator or dataset",
        """\
The data given to `fit` come from a generator, a `keras.utils.Sequence` or a `tf.data.Dataset`.
This version converts training on arrays.

    model.fit(x_train, y_train)           # converted
    model.fit(datagen.flow(x_train))      # left""",
        "write a torch.utils.data.Dataset",
    ),
    Code(
        "K2T128",
        "error",
        "what is trained is not known",
        """\
`compile`, `fit`, `evaluate` or `predict` is called on something that is not known to be a model
of this file, for instance on an argument of a function or on an imported name.

    def train(model): model.fit(x, y)     # left
    model = build(); model.fit(x, y)      # converted""",
        "convert the file that builds the model along with its training",
    ),
    Code(
        "K2T129",
        "error",
        "several losses",
        """\
The model has several outputs with losses of their own (a list or dict, `loss_weights`), in
a form that is not supported.""",
        "add the losses up in the training loop by hand",
    ),
    Code(
        "K2T130",
        "error",
        "method of a model without counterpart",
        """\
The program calls a method of a Keras model that the converted model does not have, such as
`to_json`, `get_config` or `train_on_batch`.""",
        "replace the call by hand",
    ),
    Code(
        "K2T131",
        "error",
        "saved Keras model is loaded",
        """\
`load_model` and `model_from_json` read a model that is not in this file, so its PyTorch form
is not known.

    model = keras.models.load_model("m.keras")              # left
    model = build(); model.load_weights("m.weights.h5")     # converted""",
        "build the model in this file and load its weights",
    ),
    Code(
        "K2T132",
        "error",
        "Keras function without counterpart",
        """\
A function of Keras or TensorFlow outside of a model has no counterpart, such as an image
loader or a text tokenizer. It was left, together with the import it needs, so the
converted program still needs Keras there.

    keras.utils.to_categorical(y)         # converted
    keras.utils.image_dataset_from_directory(path)   # left""",
        "replace the call by hand",
    ),
    Code(
        "K2T133",
        "error",
        "distribution, precision or session settings",
        """\
The program configures TensorFlow itself: a distribution strategy, mixed precision, a session,
device placement. PyTorch has other means for each.""",
        "remove it, or write its counterpart by hand",
    ),
    Code(
        "K2T134",
        "error",
        "history used in an unknown way",
        """\
What `fit` returns is used other than as `history.history["loss"]` and the like.""",
        "use the dict of lists that the converted program keeps",
    ),
)
