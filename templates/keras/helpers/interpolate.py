def interpolate(x, size=None, scale_factor=None, mode="nearest", align_corners=False):
    """Resizes images (channels last) as PyTorch's F.interpolate does."""
    rank = len(x.shape) - 2
    scales = (scale_factor,) * rank if isinstance(scale_factor, (int, float)) else scale_factor
    sizes = (size,) * rank if isinstance(size, int) else size
    for axis in range(1, rank + 1):
        old = x.shape[axis]
        new = int(old * scales[axis - 1]) if sizes is None else int(sizes[axis - 1])
        ratio = old / new if scales is None else 1 / scales[axis - 1]
        if mode == "nearest":
            places = [min(int(i * ratio), old - 1) for i in range(new)]
            x = ops.take(x, places, axis=axis)
            continue
        if align_corners:
            points = [i * (old - 1) / max(new - 1, 1) for i in range(new)]
        else:
            points = [max((i + 0.5) * ratio - 0.5, 0) for i in range(new)]
        left = [min(int(p), old - 1) for p in points]
        right = [min(i + 1, old - 1) for i in left]
        shape = [-1 if i == axis else 1 for i in range(rank + 2)]
        share = ops.reshape(ops.convert_to_tensor([p - i for p, i in zip(points, left)], x.dtype), shape)
        x = ops.take(x, left, axis=axis) * (1 - share) + ops.take(x, right, axis=axis) * share
    return x
