class MultiHeadAttention(nn.Module):
    """Multi-head attention with heads of any size. `mask` is True where attention is allowed."""

    def __init__(
        self,
        query_size,
        num_heads,
        key_dim,
        value_dim=None,
        output_size=None,
        value_size=None,
        key_size=None,
        dropout=0.0,
        bias=True,
    ):
        super().__init__()
        value_dim = value_dim or key_dim
        value_size = value_size or query_size
        key_size = key_size or value_size
        output_size = output_size or query_size
        self.num_heads = num_heads
        self.dropout = dropout
        self.query = nn.Linear(query_size, num_heads * key_dim, bias)
        self.key = nn.Linear(key_size, num_heads * key_dim, bias)
        self.value = nn.Linear(value_size, num_heads * value_dim, bias)
        self.out = nn.Linear(num_heads * value_dim, output_size, bias)
        for linear in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(linear.weight)
            if bias:
                nn.init.zeros_(linear.bias)

    def forward(self, query, value, key=None, mask=None, need_weights=False):
        key = value if key is None else key
        q = self.query(query).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
        k = self.key(key).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
        v = self.value(value).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
        scores = q @ k.mT / k.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None], torch.finfo(scores.dtype).min)
        weights = scores.softmax(dim=-1)
        if mask is not None and (self.dropout or need_weights):
            # As in Keras: without these a query that may attend to nothing takes the average.
            weights = weights * mask[:, None].any(dim=-1, keepdim=True)
        out = F.dropout(weights, self.dropout, self.training) @ v
        out = self.out(out.transpose(1, 2).flatten(2))
        return (out, weights) if need_weights else out
