class MultiheadAttention(layers.Layer):
    """Attention with the arguments, masks and weights of PyTorch's MultiheadAttention."""

    def __init__(self, embed_dim, num_heads, dropout=0.0, bias=True, batch_first=False):
        super().__init__()
        self.embed_dim, self.num_heads, self.use_bias = embed_dim, num_heads, bias
        self.batch_first = batch_first
        self.dropout = layers.Dropout(dropout)
        self.out_proj = layers.Dense(embed_dim, use_bias=bias, kernel_initializer=uniform_kernel(embed_dim))

    def build(self, *shapes):
        size = self.embed_dim
        self.in_proj_weight = self.add_weight(
            shape=(3 * size, size), initializer="glorot_uniform", name="in_proj_weight"
        )
        if self.use_bias:
            self.in_proj_bias = self.add_weight(shape=(3 * size,), initializer="zeros", name="in_proj_bias")

    def call(
        self, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None, average_attn_weights=True
    ):
        given = [query, key, value]
        if not self.batch_first:
            given = [ops.swapaxes(x, 0, 1) for x in given]
        kernels = ops.split(self.in_proj_weight, 3)
        heads = [ops.matmul(x, ops.transpose(kernel)) for x, kernel in zip(given, kernels)]
        if self.use_bias:
            heads = [x + bias for x, bias in zip(heads, ops.split(self.in_proj_bias, 3))]
        depth = self.embed_dim // self.num_heads
        q, k, v = (
            ops.swapaxes(ops.reshape(x, (ops.shape(x)[0], ops.shape(x)[1], self.num_heads, depth)), 1, 2) for x in heads
        )
        scores = ops.matmul(q, ops.swapaxes(k, -1, -2)) * depth**-0.5
        for mask in (attn_mask, None if key_padding_mask is None else key_padding_mask[:, None, None, :]):
            if mask is not None:
                blocked = keras.backend.standardize_dtype(mask.dtype) == "bool"
                scores = ops.where(mask, float("-inf"), scores) if blocked else scores + mask
        weights = ops.softmax(scores)
        x = ops.swapaxes(ops.matmul(self.dropout(weights), v), 1, 2)
        x = self.out_proj(ops.reshape(x, (ops.shape(x)[0], ops.shape(x)[1], self.embed_dim)))
        x = x if self.batch_first else ops.swapaxes(x, 0, 1)
        if not need_weights:
            return x, None
        return x, ops.mean(weights, axis=1) if average_attn_weights else weights
