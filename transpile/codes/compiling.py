"""K2T16x, K2T22x, K2T34x: what `compile` says of losses, optimizers and metrics."""

from __future__ import annotations

from transpile.codes.code import Code

COMPILING = (
    Code(
        "K2T220",
        "warning",
        "metric of your own on targets of one dimension",
        """\
The model has one output, and the targets are, or may be, an array of shape (n,). Keras 2 gives
targets to a metric function or a loss class as (n, 1). Keras 3 gives them as they are: against outputs of shape
(n, 1) they are broadcast to (n, n) in most such functions, which is hardly meant. The converted
program gives them as (n, 1), as Keras 2 does and as both do for loss functions.

    def share(y_true, y_pred):
        return K.mean(K.equal(y_true, K.round(y_pred)))     # (n,) against (n, 1) in Keras 3""",
        "targets of shape (n, 1) mean the same in all versions",
    ),
    Code(
        "K2T229",
        "warning",
        "metric of your own on class ids that may stand in a column",
        """\
A sparse loss takes class ids of shape (n,) and (n, 1) alike; a metric function gets them from Keras as they are.
The converted program gives both as (n,). Where the ids are, or may be, a column, a function that
compares them with one value for each sample computes something else in Keras: (n, 1) against (n,) is
broadcast to (n, n).

    def share(y_true, y_pred):
        return K.mean(K.equal(y_true, K.argmax(y_pred)))    # (n, 1) against (n,): the share of all pairs""",
        "ids of shape (n,) mean the same to both",
    ),
)
