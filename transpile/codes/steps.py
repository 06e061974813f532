"""K2T181 to K2T184, K2T229 to K2T232, K2T355 to K2T357: training steps of a model's own."""

from __future__ import annotations

from transpile.codes.code import Code

STEPS = (
    Code(
        "K2T181",
        "error",
        "model with a training step of its own",
        """\
A class with `train_step` or `test_step` does something that has no counterpart that is known: it returns
something else than a dict that is written out, hands losses or metrics on to Keras's `compile`, or no
model of it is ever compiled.

    def train_step(self, data):
        ...
        return logs                                                   # left
        return {"loss": loss}                                         # converted
        return {m.name: m.result() for m in self.metrics}             # converted, with a property metrics""",
        "write the step as a method that calls loss.backward() and optimizer.step()",
    ),
    Code(
        "K2T182",
        "error",
        "training by a step of the model's own",
        """\
`compile`, `fit` or `evaluate` of a model with a `train_step` of its own was left: samples have weights,
a validation finds no `test_step`, or the optimizers given to a `compile` of its own need more than a step.

    model.fit(x, y, sample_weight=weights)                            # left
    model.fit(x, y, epochs=5)                                         # converted""",
        "write the loop that calls train_step by hand",
    ),
    Code(
        "K2T355",
        "note",
        "loss that Keras reports as 0",
        """\
A model that has no metric of its own returns nothing but {"loss": ...} from its training step. Keras 3
has a metric of that name, which it reports instead and which the step never updates: the history says
0. The written loop reports what the step returns. The same goes for the loss that `self.compiled_loss`
computes: Keras 2 noted it for the history, Keras 3 does not.""",
        "",
    ),
    Code(
        "K2T183",
        "error",
        "something other than a number is added to the loss",
        """\
`model.add_loss` is given something else than one number that the model computes from its inputs: a value for each
sample, a function, or a tensor of which the shape is not known. Or whether it is called depends on what only
the running program knows.

    vae.add_loss(K.sum(kl, axis=-1))     # one value for each sample: left
    vae.add_loss(K.mean(kl))             # converted""",
        "take the mean or the sum of it",
    ),
)
