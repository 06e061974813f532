def smoothed_binary_cross_entropy(output, target, label_smoothing=0.0):
    """Cross-entropy with targets moved towards one half."""
    target = target * (1 - label_smoothing) + label_smoothing / 2
    return F.binary_cross_entropy_with_logits(output, target)
