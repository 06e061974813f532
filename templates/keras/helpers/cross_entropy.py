def cross_entropy(y_true, y_pred, weight=None, label_smoothing=0.0, reduction="mean"):
    """Of class ids and logits; the mean is taken over the weights of the classes, as PyTorch does."""
    log_p = ops.log_softmax(y_pred, axis=-1)
    labels = ops.one_hot(y_true, ops.shape(log_p)[-1], dtype=log_p.dtype)
    weights = labels * 0 + 1 if weight is None else ops.cast(weight, log_p.dtype)
    smoothed = labels * (1 - label_smoothing) + label_smoothing / ops.shape(log_p)[-1]
    total = -ops.sum(smoothed * weights * log_p)
    return total if reduction == "sum" else total / ops.sum(labels * weights)
