"""K2T150 to K2T159, errors: uses of Keras outside of models and training that were left."""

from __future__ import annotations

from transpile.codes.code import Code

OUTSIDE = (
    Code(
        "K2T150",
        "error",
        "layer outside of a converted model",
        """\
A layer, initializer or another piece of a model is used where no model that was converted
takes it up: in a function that nothing calls with tensors, in a list that is used elsewhere.

    registry = {"relu": layers.ReLU}          # left
    x = layers.ReLU()(x)                      # converted with its model""",
        "write the torch.nn counterpart by hand",
    ),
    Code(
        "K2T151",
        "error",
        "scikit-learn wrapper",
        """\
`KerasClassifier` and `KerasRegressor` make a scikit-learn estimator of a function that builds a
Keras model. A function of the file that compiles its model with a crossentropy and the accuracy
(or, for a regressor, one output) gets a class of its own; anything else is left, and so are a
search over optimizers or activations, and what reads the wrapper's own attributes.

    estimator = KerasClassifier(build_fn=make_model, epochs=10)   # a class ModelClassifier
    estimator = KerasClassifier(build_fn=Maker(), epochs=10)      # left""",
        "skorch has NeuralNetClassifier and NeuralNetRegressor for PyTorch modules",
    ),
    Code(
        "K2T152",
        "error",
        "compiled function",
        """\
`tf.function` compiles tensor code of your own into a graph. The function under it was left.

    @tf.function
    def step(x, y): ...""",
        "convert the function's body by hand; torch.compile takes the place of the decorator",
    ),
    Code(
        "K2T153",
        "error",
        "tensor code outside of a model",
        """\
A `tf.*`, `keras.ops.*` or `keras.backend.*` function is used outside of the models, losses and
metrics that were converted.

    noise = tf.random.normal((16, 100))       # left
    noise = np.random.normal(size=(16, 100))  # stays as it is""",
        "write it with torch or numpy by hand",
    ),
    Code(
        "K2T154",
        "error",
        "package built on Keras or TensorFlow",
        """\
The file imports a package that itself needs Keras or TensorFlow, such as `tensorflow_datasets`,
`tensorflow_hub`, `keras_tuner` or `scikeras`.""",
        "replace what the file takes from it by hand",
    ),
    Code(
        "K2T155",
        "error",
        "version of TensorFlow or Keras",
        """\
The program makes a decision on the version of TensorFlow or Keras. Where the version is only
printed, that of PyTorch is printed instead.

    if tf.__version__.startswith("1."): ...   # left
    print(tf.__version__)                     # converted""",
        "keep the branch for the version that you use",
    ),
    Code(
        "K2T156",
        "error",
        "image layout set for the whole program",
        """\
`set_image_data_format("channels_first")` changes what every convolution and pooling layer of
the program expects. This version converts the default, channels last, and the
`data_format` argument of single layers.""",
        "pass data_format to the layers, or rearrange the images",
    ),
)
