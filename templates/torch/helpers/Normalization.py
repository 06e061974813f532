class Normalization(nn.Module):
    """Shifts and scales features to mean 0 and variance 1, as they are in the data of `adapt`."""

    def __init__(self, axis=-1):
        super().__init__()
        self.axis = axis
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("variance", torch.ones(1))

    def adapt(self, data):
        if not hasattr(data, "shape"):
            data = np.concatenate([np.asarray(batch) for batch in data])
        values = np.asarray(data, dtype="float64")
        values = values.reshape(-1, 1 if self.axis is None else values.shape[-1])
        self.mean = torch.as_tensor(values.mean(axis=0)).to(self.mean)
        self.variance = torch.as_tensor(values.var(axis=0)).to(self.mean)

    def forward(self, x):
        x = torch.as_tensor(x, dtype=self.mean.dtype)
        return (x - self.mean) / self.variance.sqrt().clamp(min=1e-7)
