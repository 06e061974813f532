class TransformerDecoderLayer(layers.Layer):
    """Self-attention, attention to the memory and a feed-forward network, as in PyTorch's."""

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
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first)
        self.linear1 = layers.Dense(dim_feedforward, **fan_in_uniform(d_model))
        self.linear2 = layers.Dense(d_model, **fan_in_uniform(dim_feedforward))
        self.norm1, self.norm2, self.norm3 = (layers.LayerNormalization(epsilon=layer_norm_eps) for _ in range(3))
        self.dropout, self.dropout1, self.dropout2, self.dropout3 = (layers.Dropout(dropout) for _ in range(4))
        self.activation = keras.activations.get(activation)
        self.norm_first = norm_first

    def feed_forward(self, x):
        return self.dropout3(self.linear2(self.dropout(self.activation(self.linear1(x)))))

    def call(
        self,
        tgt,
        memory,
        tgt_mask=None,
        memory_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
        tgt_is_causal=False,
        memory_is_causal=False,
    ):
        own = {"attn_mask": tgt_mask, "key_padding_mask": tgt_key_padding_mask, "need_weights": False}
        other = {"attn_mask": memory_mask, "key_padding_mask": memory_key_padding_mask, "need_weights": False}

        def attend(x):
            return self.dropout1(self.self_attn(x, x, x, **own)[0])

        def look_up(x):
            return self.dropout2(self.multihead_attn(x, memory, memory, **other)[0])

        x = tgt
        if self.norm_first:
            x = x + attend(self.norm1(x))
            x = x + look_up(self.norm2(x))
            return x + self.feed_forward(self.norm3(x))
        x = self.norm1(x + attend(x))
        x = self.norm2(x + look_up(x))
        return self.norm3(x + self.feed_forward(x))
