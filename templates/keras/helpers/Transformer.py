class Transformer(layers.Layer):
    """An encoder and a decoder with the arguments, masks and initial weights of PyTorch's Transformer."""

    def __init__(
        self,
        d_model=512,
        nhead=8,
        num_encoder_layers=6,
        num_decoder_layers=6,
        dim_feedforward=2048,
        dropout=0.1,
        activation="relu",
        layer_norm_eps=1e-5,
        batch_first=False,
        norm_first=False,
    ):
        super().__init__()
        given = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first)
        norms = [layers.LayerNormalization(epsilon=layer_norm_eps) for _ in range(2)]
        self.encoder = TransformerEncoder(TransformerEncoderLayer(*given), num_encoder_layers, norms[0])
        self.decoder = TransformerDecoder(TransformerDecoderLayer(*given), num_decoder_layers, norms[1])
        for block in self.encoder.layers + self.decoder.layers:
            attentions = [block.self_attn] + ([block.multihead_attn] if block in self.decoder.layers else [])
            for layer in (block.linear1, block.linear2, *(a.out_proj for a in attentions)):
                layer.kernel_initializer = keras.initializers.GlorotUniform()

    def call(
        self,
        src,
        tgt,
        src_mask=None,
        tgt_mask=None,
        memory_mask=None,
        src_key_padding_mask=None,
        tgt_key_padding_mask=None,
        memory_key_padding_mask=None,
    ):
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask)
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
        )
