"""T2K150 to T2K199, T2K220 to T2K239, T2K320 to T2K339: training loops and data, to Keras."""

from __future__ import annotations

from transpile.codes.code import Code

TO_KERAS_SCRIPT = (
    Code(
        "T2K150",
        "error",
        "step of training without counterpart",
        """\
A step of training becomes a gradient tape: the forward pass under the tape, then
`optimizer.apply_gradients`. For that it must be plain which losses a step takes its gradients
from, and which weights the optimizer changes.

    loss.backward(); optimizer.step()      # converted
    optimizer.step(closure)                # left""",
        "write the step with tf.GradientTape by hand",
    ),
    Code(
        "T2K151",
        "error",
        "change of gradients without counterpart",
        """\
Gradients are values that the tape gives, not attributes of the weights; what changes them
between the backward pass and the step must be known.

    clip_grad_norm_(model.parameters(), 1.0)        # converted
    clip_grad_norm_(model.parameters(), 1.0, 1)     # left: another norm""",
        "change the list of gradients by hand",
    ),
    Code(
        "T2K152",
        "error",
        "loss without counterpart",
        """\
Keras has no loss that computes this with these arguments.

    nn.CrossEntropyLoss(weight=w)                          # converted
    nn.CrossEntropyLoss(weight=w, ignore_index=0)          # left""",
        "write the loss as a function of (y_true, y_pred) with keras.ops",
    ),
    Code(
        "T2K153",
        "error",
        "optimizer without counterpart",
        """\
Keras has no such optimizer, or not with these arguments.

    optim.AdamW(model.parameters(), lr=1e-3)         # converted
    optim.LBFGS(model.parameters())                  # left
    optim.SGD([{"params": a, "lr": 1}, {"params": b}])   # left: rates of their own""",
        "choose another optimizer, or write a subclass of keras.optimizers.Optimizer",
    ),
    Code(
        "T2K154",
        "error",
        "schedule of the learning rate without counterpart",
        """\
How the schedule changes the learning rate is not known here, or it changes more than the rate.

    StepLR(optimizer, 30)                 # converted
    CyclicLR(optimizer, 0.1, 0.2)         # left""",
        "set optimizer.learning_rate in the loop by hand",
    ),
    Code(
        "T2K155",
        "error",
        "method without counterpart",
        """\
A model or optimizer of Keras has no such method, or it needs what is not known here.

    torch.save(model.state_dict(), "net.pt")           # converted
    torch.save({"net": model.state_dict()}, "net.pt")  # left""",
        "use save_weights, load_weights, trainable_variables or get_layer by hand",
    ),
    Code(
        "T2K156",
        "error",
        "converted text that is no Python",
        """\
What this was converted to does not parse: an error of transpile's, not of your program's. The
place was left as it was, and the rest is converted.""",
        "convert the place by hand, and report it, please",
    ),
    Code(
        "T2K157",
        "error",
        "class of Lightning",
        """\
A LightningModule says in methods what a Trainer does with it: `training_step`,
`configure_optimizers`. Where that is a model, a loss, an optimizer, metrics and callbacks that Keras
has, it becomes `compile` and `fit`. Where a step or a Trainer does more, the class is left as it is: a
Trainer works on modules of PyTorch's only.

    loss = F.cross_entropy(self(x), y)                            # converted
    loss = F.mse_loss(self.decoder(self.encoder(x)), x)           # left: more than one call of the model
    pl.Trainer(max_epochs=3, accumulate_grad_batches=4)           # left""",
        "write model.compile with the loss and the optimizer of the class, and model.fit for the Trainer",
    ),
    Code(
        "T2K158",
        "error",
        "gradients whose history is unclear",
        """\
A backward pass without an optimizer becomes a tape, and `w.grad` the value that the tape gives.
PyTorch adds to what `w.grad` holds until it is cleared, so it must be plain at each pass whether
something is there already, and the gradients must be read where they are known.

    loss.backward(); w.data -= lr * w.grad; w.grad.zero_()     # converted
    loss.backward()                                            # left: another step of an optimizer
    optimizer.step()                                           # records the same statements""",
        "take the gradients with tf.GradientTape by hand",
    ),
    Code(
        "T2K121",
        "error",
        "loader of tensors without counterpart",
        """\
A loader over a TensorDataset becomes a `tf.data.Dataset`, which shuffles and batches. Where a
DataLoader is told more, the data set stays, of tensors that are made from the converted arrays; for
that the arrays must be written out.

    DataLoader(TensorDataset(x, y), batch_size=32, sampler=sampler)          # the data set stays
    DataLoader(TensorDataset(*arrays), batch_size=32, sampler=sampler)       # left""",
        "choose the samples with NumPy, or give the loader a data set of your own class",
    ),
    Code(
        "T2K220",
        "warning",
        "mode of the model is not known",
        """\
PyTorch's models remember whether they train; Keras is told at each call. Here it depends on who calls.
The call was written for training.

    def predict(model, x):
        return model(x)            # called after model.train() as well as after model.eval()""",
        "pass training=False where the model does not train",
    ),
    Code(
        "T2K221",
        "warning",
        "file of PyTorch's weights",
        """\
The program loads weights that PyTorch saved. Keras reads files of its own, and only into a model
that was called (or built) before.

    model.load_state_dict(torch.load("net.pt"))
    model.load_weights("net.weights.h5")""",
        "convert the weights once, and call the model before you load them",
    ),
    Code(
        "T2K222",
        "warning",
        "number of parameters before the first call",
        """\
Layers of Keras make their weights when they are called first. Before that a model has none.""",
        "call the model, or build it, before its weights are counted or read",
    ),
    Code(
        "T2K223",
        "warning",
        "loss that is made elsewhere",
        """\
A function is handed its loss by a program that is not here. By its name it is a loss, and Keras's
take the target first, so the arguments change places.

    def evaluate(model, loader, criterion):
        loss = criterion(model(x), y)          # criterion(y, model(x, training=False))""",
        "a function of your own keeps the order of its parameters: change the call back",
    ),
    Code(
        "T2K224",
        "warning",
        "optimizer that is made elsewhere",
        """\
A function is handed its optimizer by a program that is not here, so it is not known which weights
it changes. They are taken to be those of the only model that the step computes with.

    def train(model, loader, optimizer):
        ...
        optimizer.step()""",
        "name the weights if it changes others",
    ),
    Code(
        "T2K225",
        "warning",
        "files that Lightning writes",
        """\
Loggers and checkpoints of Lightning write files of its own, in folders of its own. Keras's `fit` prints its
metrics, and its checkpoints are files of weights.

    pl.Trainer(logger=CSVLogger("logs"))        # keras.callbacks.CSVLogger("logs.csv") writes one""",
        "give fit a keras.callbacks.CSVLogger, TensorBoard or ModelCheckpoint with the path that you want",
    ),
    Code(
        "T2K226",
        "warning",
        "frozen batch normalisation",
        """\
Keras's `BatchNormalization` with `trainable = False` runs as for inference: it takes the moving mean and
variance, and leaves them. PyTorch freezes the weights only: in training mode the layer takes the mean and
variance of each batch, and goes on to move its own.

    for p in model.features.parameters():
        p.requires_grad = False               # model.features.trainable = False""",
        "leave the frozen part as it is where PyTorch has it in eval mode; else let the normalisations train",
    ),
    Code(
        "T2K330",
        "note",
        "mixed precision went",
        """\
`autocast` and `GradScaler` stand around the steps of a loop; in Keras a policy says, before the model
is made, in which precision its layers compute, and the optimizer scales the loss by itself. What was
converted computes in float32, as PyTorch does without a GPU.

    keras.mixed_precision.set_global_policy("mixed_float16")   # before the model is made""",
        "",
    ),
    Code(
        "T2K320",
        "note",
        "place of epsilon in adaptive optimizers",
        """\
Keras's Adam adds epsilon before the bias correction, PyTorch's after it; likewise in its
relatives. Updates differ by less than 1e-4 of their size unless gradients are tiny.""",
        "",
    ),
    Code(
        "T2K321",
        "note",
        "data sets and loaders stay",
        """\
Keras takes batches from any iterable, so a data set that is written for PyTorch keeps its loader,
and the program its import of torch.""",
        "",
    ),
    Code(
        "T2K323",
        "note",
        "images are written by torchvision",
        """\
Keras has no counterpart of torchvision's grids of images, so the call stays and gets a tensor of
PyTorch's, made from the array.""",
        "",
    ),
    Code(
        "T2K322",
        "note",
        "gradient tapes need TensorFlow",
        """\
The loop could not become `fit` without losing something, so it kept its shape: its steps record a
`tf.GradientTape`, which runs on Keras's TensorFlow backend only.""",
        "",
    ),
)
