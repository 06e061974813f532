class AdditiveAttention(Attention):
    """Attention that scores with a weighted sum of tanh(query + key) (Bahdanau)."""

    def __init__(self, size, use_scale=True, dropout=0.0):
        super().__init__(dropout=dropout)
        if use_scale:
            limit = (3 / size) ** 0.5
            self.scale = nn.Parameter(torch.empty(size).uniform_(-limit, limit))

    def scores(self, query, key):
        pairs = torch.tanh(query[:, :, None] + key[:, None])
        return (pairs if self.scale is None else self.scale * pairs).sum(dim=-1)
