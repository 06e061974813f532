class SGD(keras.optimizers.SGD):
    """As PyTorch's: weight decay is added to the gradient, the learning rate stays out of the velocity."""

    def __init__(self, *args, weight_decay=0.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.decay = weight_decay

    def update_step(self, gradient, variable, learning_rate):
        gradient = ops.convert_to_tensor(gradient) + self.decay * variable
        velocity = self.momentums[self._get_variable_index(variable)]
        self.assign(velocity, self.momentum * velocity + gradient)
        step = gradient + self.momentum * velocity if self.nesterov else velocity
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * step)
