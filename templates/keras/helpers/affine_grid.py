def affine_grid(theta, size, align_corners=False):
    """The places that an affine map reads an image at, as PyTorch's F.affine_grid gives them."""
    ends = [1 if align_corners else 1 - 1 / n for n in size[-2:]]
    rows, columns = (ops.cast(ops.linspace(-end, end, n), theta.dtype) for end, n in zip(ends, size[-2:]))
    y, x = ops.meshgrid(rows, columns, indexing="ij")
    return ops.einsum("hwk,nik->nhwi", ops.stack([x, y, ops.ones_like(x)], axis=-1), theta)
