def min_max_norm(weight, low, high, dim, rate=1.0):
    """Moves the norms of a weight along dim into bounds, by the given share of the way."""
    norms = weight.norm(dim=dim, keepdim=True)
    return weight * ((rate * norms.clamp(low, high) + (1 - rate) * norms) / (norms + 1e-7))
