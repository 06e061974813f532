def false_positives(outputs, targets, thresholds=0.5):
    """How many negatives are taken for positives."""
    return ((targets == 0) & (outputs > thresholds)).sum().item()
