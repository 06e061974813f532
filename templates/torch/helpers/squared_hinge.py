def squared_hinge(output, target):
    """The squared hinge loss; targets of 0 and 1 are taken as -1 and 1."""
    if ((target == 0) | (target == 1)).all():
        target = 2 * target - 1
    return (1 - target * output).clamp(min=0).square().mean()
