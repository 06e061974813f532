class Standardization(nn.Module):
    """Subtracts the mean and divides by the standard deviation, both given."""

    def __init__(self, mean, variance):
        super().__init__()
        mean, variance = (torch.as_tensor(v, dtype=torch.get_default_dtype()) for v in (mean, variance))
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("stddev", variance.sqrt().clamp(min=1e-7), persistent=False)

    def forward(self, x):
        return (x - self.mean) / self.stddev
