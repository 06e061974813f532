class Optimizer(keras.optimizers.Optimizer):
    """Adds weight decay to the gradient, as PyTorch does; Keras's own shrinks the weights apart."""

    def __init__(self, *args, weight_decay=0.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.decay = weight_decay

    def update_step(self, gradient, variable, learning_rate):
        gradient = ops.convert_to_tensor(gradient) + self.decay * variable
        super().update_step(gradient, variable, learning_rate)
