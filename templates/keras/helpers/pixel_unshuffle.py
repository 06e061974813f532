def pixel_unshuffle(x, r):
    """Moves space into channels, in the order of PyTorch's pixel_unshuffle; channels are last."""
    _, height, width, channels = x.shape
    x = ops.reshape(x, (-1, height // r, r, width // r, r, channels))
    x = ops.transpose(x, (0, 1, 3, 5, 2, 4))
    return ops.reshape(x, (-1, height // r, width // r, channels * r**2))
