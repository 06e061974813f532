def true_negatives(outputs, targets, thresholds=0.5):
    """How many negatives are not taken for positives."""
    return ((targets == 0) & (outputs <= thresholds)).sum().item()
