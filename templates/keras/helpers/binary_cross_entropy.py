def binary_cross_entropy(y_true, y_pred, pos_weight, reduction="mean"):
    """Of logits, with the positive targets weighted."""
    y_true = ops.cast(y_true, y_pred.dtype)
    positive = ops.cast(pos_weight, y_pred.dtype) * y_true * ops.softplus(-y_pred)
    values = positive + (1 - y_true) * ops.softplus(y_pred)
    return ops.sum(values) if reduction == "sum" else ops.mean(values)
