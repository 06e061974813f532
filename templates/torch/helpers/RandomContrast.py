class RandomContrast(nn.Module):
    """Scales each image's (channels first) distance from its mean by low to high, while training."""

    def __init__(self, low, high, value_range=(0, 255)):
        super().__init__()
        self.low, self.high = low, high
        self.value_range = value_range

    def forward(self, x):
        if not self.training:
            return x
        draw = torch.rand(len(x), 1, 1, 1, dtype=x.dtype, device=x.device)
        mean = x.mean(dim=(2, 3), keepdim=True)
        factor = self.low + (self.high - self.low) * draw
        return ((x - mean) * factor + mean).clamp(*self.value_range)
