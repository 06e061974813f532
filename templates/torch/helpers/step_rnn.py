class StepRNN(StepLoop, nn.RNN):
    """A plain recurrent layer with the options of StepLoop."""

    gates, states = 1, 1

    def step(self, x, states, keep, u, b):
        (h,) = states
        return (self.activation((x + h * keep @ u + b)[0]),)
