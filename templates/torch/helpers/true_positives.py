def true_positives(outputs, targets, thresholds=0.5):
    """How many positives are found."""
    return ((targets > 0) & (outputs > thresholds)).sum().item()
