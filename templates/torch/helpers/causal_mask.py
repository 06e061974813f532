def causal_mask(query, value):
    """True where a step of the query may attend to a step of the value: not to later ones."""
    size = (1, query.shape[1], value.shape[1])
    return torch.ones(size, dtype=torch.bool, device=query.device).tril()
