def r2_score(outputs, targets, weighted=False):
    """The share of the variance that is explained, averaged over the outputs."""
    variance = (targets - targets.mean(dim=0)).square().sum(dim=0)
    scores = 1 - (targets - outputs).square().sum(dim=0) / variance
    scores = torch.where(scores.isinf(), 0.0, scores)
    return ((variance * scores).sum() / variance.sum() if weighted else scores.mean()).item()
