class PretrainedEmbedding(layers.Embedding):
    """An embedding that begins with these rows; they are trained only if `freeze` is False."""

    def __init__(self, rows, freeze=True):
        rows = ops.convert_to_numpy(rows)
        super().__init__(*rows.shape, embeddings_initializer=keras.initializers.Constant(rows), trainable=not freeze)
