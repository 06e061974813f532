def pad_same(x, kernel_size, stride, dilation=(1, 1, 1), value=0.0):
    """Pads the spatial dimensions as Keras's padding="same" does."""
    pad = []
    for n, k, s, d in reversed(list(zip(x.shape[2:], kernel_size, stride, dilation))):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pad += [total // 2, total - total // 2]
    return F.pad(x, pad, value=value)
