def interpolate_bicubic(x, size=None, scale_factor=None, align_corners=False):
    """Resizes images (channels last) as PyTorch's F.interpolate does with mode="bicubic"."""
    scales = (scale_factor,) * 2 if isinstance(scale_factor, (int, float)) else scale_factor
    sizes = (size,) * 2 if isinstance(size, int) else size
    for axis in (1, 2):
        old = x.shape[axis]
        new = int(old * scales[axis - 1]) if sizes is None else int(sizes[axis - 1])
        ratio = old / new if scales is None else 1 / scales[axis - 1]
        if align_corners:
            points = [i * (old - 1) / max(new - 1, 1) for i in range(new)]
        else:
            points = [(i + 0.5) * ratio - 0.5 for i in range(new)]
        shape = [-1 if i == axis else 1 for i in range(4)]
        resized = 0
        for step in (-1, 0, 1, 2):
            places = [math.floor(p) + step for p in points]
            shares = []
            for d in (abs(p - i) for p, i in zip(points, places)):
                near, far = (1.25 * d - 2.25) * d**2 + 1, -0.75 * (((d - 5) * d + 8) * d - 4)
                shares.append(near if d <= 1 else far)
            part = ops.take(x, [min(max(i, 0), old - 1) for i in places], axis=axis)
            resized = resized + part * ops.reshape(ops.convert_to_tensor(shares, x.dtype), shape)
        x = resized
    return x
