def categorical_focal_cross_entropy(output, target, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0):
    """Cross-entropy of classes that gives well classified samples less weight."""
    output = output.softmax(dim=-1) if from_logits else output
    target = target * (1 - label_smoothing) + label_smoothing / target.shape[-1]
    output = F.normalize(output, p=1, dim=-1).clamp(1e-7, 1 - 1e-7)
    return -(alpha * (1 - output) ** gamma * target * output.log()).sum(dim=-1).mean()
