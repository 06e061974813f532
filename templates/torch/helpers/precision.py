def precision(outputs, targets, thresholds=0.5):
    """Which part of the positives found is right; 0 if none is found."""
    found = outputs > thresholds
    return (found & (targets > 0)).sum().item() / max(found.sum().item(), 1)
