class Mean:
    """The mean of the values that it was given since its last reset."""

    def __init__(self):
        self.reset_state()

    def reset_state(self):
        self.total, self.count = 0.0, 0

    def update_state(self, values):
        values = torch.as_tensor(values).detach()
        self.total += values.sum().item()
        self.count += values.numel()

    __call__ = update_state

    def result(self):
        return self.total / max(self.count, 1)
