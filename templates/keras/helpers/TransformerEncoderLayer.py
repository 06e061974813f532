class TransformerEncoderLayer(layers.Layer):
    """Self-attention and a feed-forward network, as in PyTorch's TransformerEncoderLayer."""

    def __init__(
        self,
        d_model,
        nhead,
        dim_feedforward=2048,
        dropout=0.1,
        activation="relu",
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.self_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first)
        self.linear1 = layers.Dense(dim_feedforward, **fan_in_uniform(d_model))
        self.linear2 = layers.Dense(d_model, **fan_in_uniform(dim_feedforward))
        self.norm1 = layers.LayerNormalization(epsilon=layer_norm_eps)
        self.norm2 = layers.LayerNormalization(epsilon=layer_norm_eps)
        self.dropout, self.dropout1, self.dropout2 = (layers.Dropout(dropout) for _ in range(3))
        self.activation = keras.activations.get(activation)
        self.norm_first = norm_first

    def attend(self, x, mask, padding):
        x, _ = self.self_attn(x, x, x, attn_mask=mask, key_padding_mask=padding, need_weights=False)
        return self.dropout1(x)

    def feed_forward(self, x):
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))

    def call(self, src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        x = src
        if self.norm_first:
            x = x + self.attend(self.norm1(x), src_mask, src_key_padding_mask)
            return x + self.feed_forward(self.norm2(x))
        x = self.norm1(x + self.attend(x, src_mask, src_key_padding_mask))
        return self.norm2(x + self.feed_forward(x))
