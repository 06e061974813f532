class RMSprop(keras.optimizers.RMSprop):
    """As PyTorch's: epsilon is added to the root, the learning rate stays out of the velocity."""

    def __init__(self, *args, weight_decay=0.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.decay = weight_decay

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        gradient = ops.convert_to_tensor(gradient) + self.decay * variable
        squares = self._velocities[index]
        self.assign(squares, self.rho * squares + (1 - self.rho) * ops.square(gradient))
        variance = squares
        if self.centered:
            average = self._average_gradients[index]
            self.assign(average, self.rho * average + (1 - self.rho) * gradient)
            variance = squares - ops.square(average)
        step = gradient / (ops.sqrt(variance) + self.epsilon)
        if self.momentum > 0:
            velocity = self._momentums[index]
            self.assign(velocity, self.momentum * velocity + step)
            step = velocity
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * step)
