def averaged(loss):
    """The criterion of (output, target) for a loss of (target, output)."""
    return lambda output, target: loss(target, output).mean()
