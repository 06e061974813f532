class CircularPadding1D(layers.Layer):
    """Pads as PyTorch's CircularPad1d does: with what stands at the other end."""

    def __init__(self, padding):
        super().__init__()
        self.padding = padding

    def call(self, x):
        p = self.padding
        for axis, (before, behind) in enumerate([(p, p)] if isinstance(p, int) else [p], start=1):
            size = ops.shape(x)[axis]
            x = ops.take(x, ops.arange(-before, size + behind) % size, axis=axis)
        return x
