class TransformerEncoder(layers.Layer):
    """Encoder layers like the given one, one after the other, as PyTorch's TransformerEncoder."""

    def __init__(self, encoder_layer, num_layers, norm=None):
        super().__init__()
        self.layers = [encoder_layer.__class__.from_config(encoder_layer.get_config()) for _ in range(num_layers)]
        self.norm = norm

    def call(self, src, mask=None, src_key_padding_mask=None, is_causal=None):
        for block in self.layers:
            src = block(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask)
        return src if self.norm is None else self.norm(src)
