class PaddedMaxPooling(layers.Layer):
    """Max pooling with PyTorch's padding: the same on both sides, of no effect on the maximum."""

    def __init__(self, pool_size, strides=None, padding=0, ceil_mode=False, rank=2):
        super().__init__()
        strides = pool_size if strides is None else strides
        sizes = [(s,) * rank if isinstance(s, int) else tuple(s) for s in (pool_size, strides, padding)]
        self.pool_size, self.strides, self.padding = sizes
        self.ceil_mode = ceil_mode

    def call(self, x):
        pads = [(0, 0)]
        for n, k, s, p in zip(x.shape[1:-1], self.pool_size, self.strides, self.padding):
            extra = 0
            if self.ceil_mode:
                windows = -(-(n + 2 * p - k) // s)
                windows -= (windows * s) >= n + p
                extra = max(windows * s + k - n - 2 * p, 0)
            pads.append((p, p + extra))
        x = ops.pad(x, [*pads, (0, 0)], constant_values=float("-inf"))
        return ops.max_pool(x, self.pool_size, self.strides)
