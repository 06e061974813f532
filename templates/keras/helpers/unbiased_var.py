def unbiased_var(x, axis=None, keepdims=False):
    """The variance divided by n - 1, as PyTorch does."""
    variance = ops.var(x, axis=axis, keepdims=keepdims)
    count = ops.cast(ops.size(x) / ops.size(variance), variance.dtype)
    return variance * count / (count - 1)
