class AdditiveGaussianNoise(nn.Module):
    """Adds noise while training, as Keras's GaussianNoise does."""

    def __init__(self, stddev):
        super().__init__()
        self.stddev = stddev

    def forward(self, x):
        return x + self.stddev * torch.randn_like(x) if self.training else x
