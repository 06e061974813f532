class PaddedEmbedding(layers.Embedding):
    """An embedding whose row for padding begins as zeros and is not trained (padding_idx)."""

    def __init__(self, input_dim, output_dim, padding_idx, **options):
        super().__init__(input_dim, output_dim, **options)
        self.padding_idx = padding_idx % input_dim

    def build(self, input_shape=None):
        super().build(input_shape)
        kept = ops.cast(ops.arange(self.input_dim) != self.padding_idx, self.variable_dtype)
        self.embeddings.assign(self.embeddings * kept[:, None])

    def call(self, inputs):
        x = super().call(inputs)
        return ops.where((inputs == self.padding_idx)[..., None], ops.stop_gradient(x), x)
