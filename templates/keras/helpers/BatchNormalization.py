class BatchNormalization(layers.BatchNormalization):
    """Batch normalization that keeps the unbiased variance for inference, as PyTorch's does."""

    def call(self, inputs, training=None, mask=None):
        kept = self.moving_variance * self.momentum
        outputs = super().call(inputs, training=training, mask=mask)
        if training and self.trainable:
            count = ops.size(inputs) / inputs.shape[self.axis]
            factor = ops.cast(count / (count - 1), kept.dtype)
            self.moving_variance.assign(kept + (self.moving_variance - kept) * factor)
        return outputs
