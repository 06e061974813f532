"""Codes of `fit` and its callbacks."""

from __future__ import annotations

from transpile.codes.code import Code

CALLBACKS = (
    Code(
        "K2T166",
        "error",
        "callback that talks to a server",
        """\
`RemoteMonitor` sends the logs of each epoch over the network. What a server does with them is
not part of the program, so the call of `fit` was left.

    callbacks=[keras.callbacks.RemoteMonitor(root="http://host:9000")]   # left
    callbacks=[keras.callbacks.CSVLogger("training.csv")]                # converted""",
        "send the logs from the training loop by hand",
    ),
    Code(
        "K2T167",
        "error",
        "callback made where its state is not seen",
        """\
The callbacks are made by a function, or in a list, in a way that cannot be followed to the
training loop: an argument is only known inside that function, or the function does more than
make callbacks, or one object without a name serves several trainings and keeps its state.

    def make(path):                       # left
        os.makedirs(path)
        return [ModelCheckpoint(path + "/best.keras")]

    def make(patience):                   # converted
        return [EarlyStopping(patience=patience)]""",
        "make the callbacks beside the call of fit, each in a variable of its own",
    ),
    Code(
        "K2T168",
        "error",
        "callback with a hook of another form",
        """\
A class derived from `Callback`, or a function of a LambdaCallback, has a hook that the loop
cannot call: with other parameters than Keras gives it, or one that replaces how Keras attaches
the model (`set_model`).

    def set_model(self, model): ...              # left
    def on_epoch_end(self, epoch, logs): ...     # converted""",
        "give the hook Keras's parameters",
    ),
    Code(
        "K2T344",
        "note",
        "what TensorBoard shows",
        """\
The scalars of each epoch are written under the names and in the folders that Keras uses, by
`torch.utils.tensorboard`, which needs the package tensorboard. The graph of the Keras model, the
profile, images of weights, gradients and embeddings are not written.""",
        "",
    ),
    Code(
        "K2T340",
        "note",
        "evaluation within an epoch",
        """\
A callback calls `self.model.evaluate` between two batches, or at the beginning of an epoch. Keras computes it with
the metrics of the training, which start anew: the loss that the epoch reports is that of the evaluation and of the
batches behind it. The converted loop reports the mean over all batches of the epoch. The training is the same.""",
        "nothing to do, unless you relied on the reported means",
    ),
)
