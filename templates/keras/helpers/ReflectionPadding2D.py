class ReflectionPadding2D(layers.Layer):
    """Pads as PyTorch's ReflectionPad2d does."""

    def __init__(self, padding):
        super().__init__()
        self.padding = padding

    def call(self, x):
        p = self.padding
        pads = ((p, p), (p, p)) if isinstance(p, int) else p
        pads = [(0, 0), *pads, (0, 0)]
        return ops.pad(x, pads, mode="reflect")
