def clipped_binary_cross_entropy(output, target, label_smoothing=0.0):
    """Cross-entropy where the model itself ends in a sigmoid."""
    target = target * (1 - label_smoothing) + label_smoothing / 2
    output = output.clamp(1e-7, 1 - 1e-7)
    return -(target * output.log() + (1 - target) * (1 - output).log()).mean()
