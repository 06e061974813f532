def recall(outputs, targets, thresholds=0.5):
    """Which part of the positives is found; 0 if there are none."""
    positive = targets > 0
    return (positive & (outputs > thresholds)).sum().item() / max(positive.sum().item(), 1)
