class StepLSTM(StepLoop, nn.LSTM):
    """An LSTM with the options of StepLoop."""

    gates, states = 4, 2

    def step(self, x, states, keep, u, b):
        h, c = states
        i, f, g, o = x + h * keep @ u + b
        i, f, o = (self.recurrent_activation(gate) for gate in (i, f, o))
        c = f * c + i * self.activation(g)
        return o * self.activation(c), c
