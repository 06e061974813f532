def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """The patches of images as columns, as PyTorch's F.unfold gives them; channels are first."""
    given = (kernel_size, dilation, padding, stride)
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = ((v, v) if isinstance(v, int) else v for v in given)
    x = ops.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    _, channels, height, width = x.shape
    rows, columns = (height - dh * (kh - 1) - 1) // sh + 1, (width - dw * (kw - 1) - 1) // sw + 1
    parts = [
        x[:, :, i * dh : i * dh + sh * (rows - 1) + 1 : sh, j * dw : j * dw + sw * (columns - 1) + 1 : sw]
        for i in range(kh)
        for j in range(kw)
    ]
    return ops.reshape(ops.stack(parts, axis=2), (-1, channels * kh * kw, rows * columns))
