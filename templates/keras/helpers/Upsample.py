class Upsample(layers.Layer):
    """Resizes what it is given as PyTorch's Upsample does; channels are last."""

    def __init__(self, **given):
        super().__init__()
        self.given = given

    def call(self, x):
        return interpolate(x, **self.given)
