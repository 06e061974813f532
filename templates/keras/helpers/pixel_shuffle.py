def pixel_shuffle(x, r):
    """Moves channels into space, in the order of PyTorch's pixel_shuffle; channels are last."""
    _, height, width, channels = x.shape
    x = ops.reshape(x, (-1, height, width, channels // r**2, r, r))
    x = ops.transpose(x, (0, 1, 4, 2, 5, 3))
    return ops.reshape(x, (-1, height * r, width * r, channels // r**2))
