def generalized_cross_entropy(output, target, q=0.5):
    """Between cross-entropy (q near 0) and mean absolute error (q = 1), of probabilities."""
    right = output.gather(-1, target.unsqueeze(-1))
    return ((1 - right**q) / q).mean()
