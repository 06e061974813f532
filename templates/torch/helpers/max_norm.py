def max_norm(weight, limit, dim):
    """Scales a weight so that no norm along dim exceeds the limit."""
    norms = weight.norm(dim=dim, keepdim=True)
    return weight * (norms.clamp(max=limit) / (norms + 1e-7))
