def clip_by_norm(gradients, max_norm):
    """Scales all gradients so that their common norm is at most max_norm; also returns the norm."""
    norm = ops.sqrt(sum(ops.sum(ops.square(g)) for g in gradients if g is not None))
    scale = ops.minimum(1.0, max_norm / (norm + 1e-6))
    return [None if g is None else g * scale for g in gradients], norm
