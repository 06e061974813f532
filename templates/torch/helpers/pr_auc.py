def pr_auc(outputs, targets, num_thresholds=200):
    """The area under the precision-recall curve, interpolated between evenly spaced thresholds."""
    outputs, positive = outputs.flatten(), targets.flatten() > 0
    thresholds = [i / (num_thresholds - 1) for i in range(1, num_thresholds - 1)]
    right = [(positive & (outputs > t)).sum().item() for t in thresholds]
    found = [(outputs > t).sum().item() for t in thresholds]
    right, found = [positive.sum().item(), *right, 0], [len(outputs), *found, 0]
    area = 0.0
    for high, low, more, less in zip(right, right[1:], found, found[1:]):
        slope = (high - low) / (more - less) if more > less else 0.0
        ratio = more / less if less else 1.0
        area += slope * (high - low + (low - slope * less) * math.log(ratio))
    return area / max(right[0], 1)
