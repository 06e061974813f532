def sparse_cross_entropy_of_probabilities(output, target):
    """Cross-entropy where the model itself ends in a softmax."""
    logits = output.clamp(1e-7, 1 - 1e-7).log()
    return F.cross_entropy(logits.flatten(0, -2), target.flatten())
