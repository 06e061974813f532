class ApproximateGelu(layers.Layer):
    """GELU by its approximation with tanh."""

    def call(self, x):
        return ops.gelu(x, approximate=True)
