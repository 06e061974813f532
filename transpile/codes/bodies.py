"""K2T185 to K2T199: code bodies of the user's that were left, or converted with a change."""

from __future__ import annotations

from transpile.codes.code import Code

BODIES = (
    Code(
        "K2T185",
        "error",
        "function without a counterpart in tensor code",
        """\
The body of a function of your own calls something of TensorFlow's or Keras's that has no counterpart
in PyTorch, or none that is known. The whole function was left: half of it in PyTorch would run in
neither framework.

    def score(y_true, y_pred):
        return tf.py_function(compute, [y_true, y_pred], tf.float32)   # left
    def score(y_true, y_pred):
        return K.mean(K.equal(y_true, K.round(y_pred)), axis=-1)       # converted""",
        "rewrite that call with torch operations; the rest of the function converts then",
    ),
    Code(
        "K2T186",
        "error",
        "argument in tensor code that cannot be converted",
        """\
The function is known, but not with this argument, or not for a value that is only known at run
time. The whole function was left.

    tf.gather(x, ids, batch_dims=1)   # left
    tf.gather(x, ids, axis=1)         # converted""",
        "rewrite that call with torch operations; the rest of the function converts then",
    ),
    Code(
        "K2T187",
        "error",
        "layer in a class of your own",
        """\
A class that derives from `keras.layers.Layer` or `keras.Model` holds its layers in a way that cannot be
followed: made at each call, of different kinds in one list, different from object to object.

    def call(self, x):
        return layers.Dense(8)(x)      # left: new weights at each call
    def __init__(self):
        self.dense = layers.Dense(8)   # converted""",
        "make the layer in the constructor and keep it as an attribute",
    ),
    Code(
        "K2T188",
        "error",
        "weight in a class of your own",
        """\
The shape of a weight is only known when the program runs, the weight or a layer has a constraint of its
own, or a regularizer in a branch or in a list of layers.

    self.w = self.add_weight(shape=(n, 8), constraint="non_neg")   # left
    self.w = self.add_weight(shape=(8, 8), regularizer="l2")       # converted
    self.w = self.add_weight(shape=(input_shape[-1], 8))           # converted where the input is known""",
        "make it an nn.Parameter in the constructor by hand",
    ),
    Code(
        "K2T189",
        "error",
        "class of your own",
        """\
The class hands its arguments on to Keras, has class attributes that Keras makes, or uses or derives from a
class that was left. A class that derives from another one of yours converts if it leaves alone what the
methods read that it inherits.

    super().__init__(activity_regularizer="l2")   # left
    super().__init__(name=name, **kwargs)         # converted; left where an object is given trainable=False
    class Head(Block):                            # converted, if Block is
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(8)          # left, if it is Block that calls self.dense""",
        "convert the class by hand, or write it without that construct",
    ),
    Code(
        "K2T190",
        "error",
        "model inside a class of your own",
        """\
The constructor of the class makes a Sequential or functional model that could not be converted.

    self.encoder = keras.Sequential([layers.Hashing(3)])   # left, and the class with it
    self.encoder = keras.Sequential([layers.Dense(8)])     # converted""",
        "see the diagnostic of that model",
    ),
    Code(
        "K2T191",
        "error",
        "training step of your own",
        """\
A loop with `tf.GradientTape` does something that has no counterpart that is known: gradients that are
changed before they are applied, a loss or an optimizer that is made elsewhere, a model that was left.

    grads = [2 * g for g in tape.gradient(loss, model.trainable_variables)]      # left
    grads = tape.gradient(loss, model.trainable_variables)                       # converted""",
        "write the step with loss.backward() and optimizer.step()",
    ),
)
