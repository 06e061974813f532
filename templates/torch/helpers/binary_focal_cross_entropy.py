def binary_focal_cross_entropy(
    output,
    target,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
):
    """Cross-entropy that gives well classified samples less weight."""
    output = output.sigmoid() if from_logits else output
    target = target * (1 - label_smoothing) + label_smoothing / 2
    right = target * output + (1 - target) * (1 - output)
    output = output.clamp(1e-7, 1 - 1e-7)
    loss = (1 - right) ** gamma * F.binary_cross_entropy(output, target, reduction="none")
    if apply_class_balancing:
        loss = loss * (target * alpha + (1 - target) * (1 - alpha))
    return loss.mean()
