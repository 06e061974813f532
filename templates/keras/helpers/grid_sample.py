def grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    """Reads images (channels last) at places between -1 and 1, as PyTorch's F.grid_sample does."""
    _, height, width, channels = x.shape
    flat = ops.reshape(x, (-1, height * width, channels))

    def pixels(rows, columns):
        inside = (rows >= 0) & (rows <= height - 1) & (columns >= 0) & (columns <= width - 1)
        index = ops.clip(rows, 0, height - 1) * width + ops.clip(columns, 0, width - 1)
        index = ops.repeat(
            ops.reshape(ops.cast(index, "int32"), (-1, index.shape[1] * index.shape[2], 1)), channels, axis=2
        )
        found = ops.reshape(ops.take_along_axis(flat, index, axis=1), (-1, *rows.shape[1:], channels))
        return found * ops.expand_dims(ops.cast(inside, x.dtype), -1)

    rows, columns = (
        (grid[..., i] + 1) / 2 * (n - 1) if align_corners else ((grid[..., i] + 1) * n - 1) / 2
        for i, n in ((1, height), (0, width))
    )
    if padding_mode == "border":
        rows, columns = ops.clip(rows, 0, height - 1), ops.clip(columns, 0, width - 1)
    if mode == "nearest":
        return pixels(ops.round(rows), ops.round(columns))
    top, left = ops.stop_gradient(ops.floor(rows)), ops.stop_gradient(ops.floor(columns))
    sampled = 0
    for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
        share = (1 - ops.abs(rows - row)) * (1 - ops.abs(columns - column))
        sampled = sampled + pixels(row, column) * ops.expand_dims(share, -1)
    return sampled
