class AlignedUpSampling2D(layers.Layer):
    """Bilinear up-sampling that keeps the corner points in place (align_corners=True)."""

    def __init__(self, size):
        super().__init__()
        self.size = (size, size) if isinstance(size, int) else size

    def call(self, x):
        for axis, factor in zip((1, 2), self.size):
            old = x.shape[axis]
            new = old * factor
            points = [i * (old - 1) / max(new - 1, 1) for i in range(new)]
            left = [min(int(p), old - 1) for p in points]
            right = [min(i + 1, old - 1) for i in left]
            share = [p - i for p, i in zip(points, left)]
            shape = [-1 if i == axis else 1 for i in range(4)]
            share = ops.reshape(ops.convert_to_tensor(share, x.dtype), shape)
            x = ops.take(x, left, axis=axis) * (1 - share) + ops.take(x, right, axis=axis) * share
        return x
