def assigned(x, index, value):
    """A copy of `x` in which `x[index] = value`."""
    positions = ops.reshape(ops.arange(ops.size(x)), ops.shape(x))[index]
    values = ops.broadcast_to(ops.cast(value, x.dtype), ops.shape(positions))
    flat = ops.scatter_update(ops.reshape(x, (-1,)), ops.reshape(positions, (-1, 1)), ops.reshape(values, (-1,)))
    return ops.reshape(flat, ops.shape(x))
