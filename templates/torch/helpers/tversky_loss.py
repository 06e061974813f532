def tversky_loss(output, target, alpha=0.5, beta=0.5):
    """One minus the Tversky index of output and target, over the whole batch."""
    overlap = (output * target).sum()
    missed = ((1 - output) * target).sum()
    wrong = (output * (1 - target)).sum()
    return 1 - overlap / (overlap + alpha * missed + beta * wrong + 1e-7)
