"""K2T171 to K2T177, K2T348 to K2T351: data that come in batches."""

from __future__ import annotations

from transpile.codes.code import Code

DATA = (
    Code(
        "K2T171",
        "error",
        "batches that cannot be counted or split as asked",
        """\
The data come in batches, and something about the call has no meaning for the converted loop:
samples per epoch instead of steps, a validation split, a model with several inputs in `predict`,
a method of tf.data without a counterpart.

    model.fit_generator(batches, samples_per_epoch=6000)   # left
    model.fit(batches, steps_per_epoch=60)                 # converted""",
        "count steps (batches) instead of samples, or split the data before they are put into batches",
    ),
    Code(
        "K2T172",
        "error",
        "an ImageDataGenerator that was left",
        """\
ImageDataGenerator becomes a class of the written file that reads and alters the images with PIL,
numpy and scipy. This one is given an argument, or is used in a way, for which that class has nothing.

    ImageDataGenerator(zca_whitening=True)                 # left
    ImageDataGenerator(**options)                          # left: the arguments are not seen
    ImageDataGenerator(rescale=1 / 255, zoom_range=0.2)    # converted""",
        "write the arguments out, do without the argument, or write a torch Dataset by hand",
    ),
    Code(
        "K2T348",
        "note",
        "validation on a generator",
        """\
Keras 3 shows the first two batches of a generator again in every validation, and loses the batches
that it fetched ahead. The converted loop takes the batches one after another, so that the
validation values of later epochs come from other batches than Keras's.""",
        "",
    ),
    Code(
        "K2T349",
        "note",
        "when on_epoch_end is called",
        """\
Keras 3 calls `on_epoch_end` of a Sequence after every pass, and also once before the first one, and
around `evaluate` and `predict`. The converted program calls it after the passes of `fit`. For a
method that shuffles, this makes no difference.""",
        "",
    ),
    Code(
        "K2T350",
        "note",
        "a pipeline of tf.data written out",
        """\
The pipeline became a small class with the methods that the program calls. Its batches hold the same
samples in the same order; a shuffled one draws other random numbers, and nothing runs in parallel.

An ImageDataGenerator became such a class, too. What alters its images is drawn from numpy's generator
in Keras's order; in `fit`, PyTorch draws the order of the batches.""",
        "",
    ),
    Code(
        "K2T351",
        "note",
        "images read by PIL instead of TensorFlow",
        """\
TensorFlow and PIL decode PNG, BMP and GIF files to the same colours. JPEG files come out a few of
the 256 levels apart (measured: 1 to 2 in the mean, on noise), and a coloured PNG that is made grey
up to one level.""",
        "",
    ),
)
