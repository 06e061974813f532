class ReplicationPadding2D(layers.Layer):
    """Pads as PyTorch's ReplicationPad2d does."""

    def __init__(self, padding):
        super().__init__()
        self.padding = padding

    def call(self, x):
        p = self.padding
        pads = ((p, p), (p, p)) if isinstance(p, int) else p
        pads = [(0, 0), *pads, (0, 0)]
        for axis, (before, after) in enumerate(pads):
            size = x.shape[axis]
            if before or after:
                places = [min(max(i, 0), size - 1) for i in range(-before, size + after)]
                x = ops.take(x, places, axis=axis)
        return x
