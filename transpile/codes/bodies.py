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
)
