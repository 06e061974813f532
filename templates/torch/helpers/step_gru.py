class StepGRU(StepLoop, nn.GRU):
    """A GRU with the options of StepLoop. `reset_after=False`: the reset gate acts on the state
    before it is multiplied by the weights."""

    gates, states = 3, 1

    def __init__(self, *args, reset_after=True, **kwargs):
        super().__init__(*args, **kwargs)
        self.reset_after = reset_after

    def step(self, x, states, keep, u, b):
        (h,) = states
        x_r, x_z, x_n = x
        h_r, h_z, h_n = h * keep @ u + b
        r = self.recurrent_activation(x_r + h_r)
        z = self.recurrent_activation(x_z + h_z)
        h_n = r * h_n if self.reset_after else r * h * keep[-1] @ u[2]
        n = self.activation(x_n + h_n)
        return (z * h + (1 - z) * n,)
