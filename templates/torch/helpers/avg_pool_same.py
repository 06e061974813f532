def avg_pool_same(x, kernel_size, stride):
    """Averages windows as Keras's padding="same" does: the padding does not count."""
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(kernel_size) - 1]
    total = pool(pad_same(x, kernel_size, stride), kernel_size, stride)
    ones = pad_same(torch.ones_like(x[:1, :1]), kernel_size, stride)
    return total / pool(ones, kernel_size, stride)
