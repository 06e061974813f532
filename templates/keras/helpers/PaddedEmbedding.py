class PaddedEmbedding(layers.Embedding):
    """An embedding whose row for padding is zero and stays so, as PyTorch's padding_idx has it."""

    def __init__(self, input_dim, output_dim, padding_idx, **options):
        super().__init__(input_dim, output_dim, **options)
        self.padding_idx = padding_idx % input_dim

    def call(self, inputs):
        kept = ops.cast(inputs != self.padding_idx, self.compute_dtype)
        return super().call(inputs) * kept[..., None]
