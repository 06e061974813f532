def dice_loss(output, target):
    """One minus the overlap of output and target, over the whole batch."""
    overlap = (output * target).sum()
    return 1 - 2 * overlap / (output.sum() + target.sum() + 1e-7)
