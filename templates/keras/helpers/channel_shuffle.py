def channel_shuffle(x, groups):
    """Mixes the channels of groups, as PyTorch's channel_shuffle does; channels are last."""
    shape = ops.shape(x)
    x = ops.reshape(x, (*shape[:-1], groups, shape[-1] // groups))
    return ops.reshape(ops.swapaxes(x, -1, -2), shape)
