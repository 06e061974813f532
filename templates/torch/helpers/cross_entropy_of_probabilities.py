def cross_entropy_of_probabilities(output, target, label_smoothing=0.0):
    """Cross-entropy where the model itself ends in a softmax."""
    output = (output / output.sum(dim=-1, keepdim=True)).clamp(1e-7, 1 - 1e-7)
    target = target * (1 - label_smoothing) + label_smoothing / output.shape[-1]
    return -(target * output.log()).sum(dim=-1).mean()
