class PixelShuffle(layers.Layer):
    """Moves channels into space, in the order of PyTorch's PixelShuffle."""

    def __init__(self, upscale_factor):
        super().__init__()
        self.upscale_factor = upscale_factor

    def call(self, x):
        _, height, width, channels = x.shape
        r = self.upscale_factor
        x = ops.reshape(x, (-1, height, width, channels // r**2, r, r))
        x = ops.transpose(x, (0, 1, 4, 2, 5, 3))
        return ops.reshape(x, (-1, height * r, width * r, channels // r**2))
