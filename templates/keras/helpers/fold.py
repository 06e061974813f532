def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Adds up patches where they overlap in an image, as PyTorch's F.fold does; channels are first."""
    given = (output_size, kernel_size, dilation, padding, stride)
    (height, width), (kh, kw), (dh, dw), (ph, pw), (sh, sw) = ((v, v) if isinstance(v, int) else v for v in given)
    height, width = height + 2 * ph, width + 2 * pw
    rows, columns = (height - dh * (kh - 1) - 1) // sh + 1, (width - dw * (kw - 1) - 1) // sw + 1
    channels = x.shape[1] // (kh * kw)
    x = ops.reshape(x, (-1, channels, kh * kw, rows, 1, columns, 1))
    x = ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, 0), (0, sh - 1), (0, 0), (0, sw - 1)))  # zeros between, for the stride
    x = ops.reshape(x, (-1, channels, kh * kw, rows * sh, columns * sw))
    x = x[:, :, :, : sh * (rows - 1) + 1, : sw * (columns - 1) + 1]
    image = 0
    for i in range(kh):
        for j in range(kw):
            rest = (height - i * dh - x.shape[3], width - j * dw - x.shape[4])
            image = image + ops.pad(x[:, :, i * kw + j], ((0, 0), (0, 0), (i * dh, rest[0]), (j * dw, rest[1])))
    return image[:, :, ph : height - ph, pw : width - pw]
