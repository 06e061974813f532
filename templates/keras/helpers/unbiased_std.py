def unbiased_std(x, axis=None, keepdims=False):
    """The standard deviation by n - 1, as PyTorch computes it."""
    return ops.sqrt(unbiased_var(x, axis=axis, keepdims=keepdims))
