class Attention(nn.Module):
    """Dot-product attention that is not divided by sqrt(d); `use_scale` learns a factor.

    `concat` scores with a sum of tanh instead. `mask` is True where attention is allowed.
    """

    def __init__(self, use_scale=False, concat=False, dropout=0.0):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(())) if use_scale else None
        self.concat_score_weight = nn.Parameter(torch.ones(())) if concat else None
        self.dropout = dropout

    def scores(self, query, key):
        scale = 1 if self.scale is None else self.scale
        if self.concat_score_weight is None:
            return scale * query @ key.mT
        pairs = query[:, :, None] + key[:, None]
        return self.concat_score_weight * torch.tanh(scale * pairs).sum(dim=-1)

    def forward(self, query, value, key=None, mask=None, query_mask=None, need_weights=False):
        scores = self.scores(query, value if key is None else key)
        if mask is not None:
            scores = torch.where(mask, scores, scores - 1e9)
        weights = F.dropout(scores.softmax(dim=-1), self.dropout, self.training)
        out = weights @ value
        if query_mask is not None:
            out = out * query_mask[..., None]
        return (out, weights) if need_weights else out
