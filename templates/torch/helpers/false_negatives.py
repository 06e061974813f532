def false_negatives(outputs, targets, thresholds=0.5):
    """How many positives are not found."""
    return ((targets > 0) & (outputs <= thresholds)).sum().item()
