def fbeta_score(outputs, targets, average, beta=1.0, threshold=None):
    """The F score of classes; without a threshold the largest output is the class found."""
    if threshold is None:
        found = (outputs >= outputs.amax(dim=-1, keepdim=True)) & (outputs.abs() > 1e-9)
    else:
        found = outputs > threshold
    found, dim = found.to(targets.dtype), None if average == "micro" else 0
    right = (found * targets).sum(dim=dim)
    precision = right / (found.sum(dim=dim) + 1e-7)
    recall = right / (targets.sum(dim=dim) + 1e-7)
    scores = (1 + beta**2) * precision * recall / (beta**2 * precision + recall + 1e-7)
    if average == "weighted":
        return (scores * targets.sum(dim=0) / (targets.sum() + 1e-7)).sum().item()
    return scores.mean().item()
