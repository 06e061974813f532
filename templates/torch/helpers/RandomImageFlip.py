class RandomImageFlip(nn.Module):
    """Flips each image along each of the axes with a chance of one half, while training."""

    def __init__(self, *dims):
        super().__init__()
        self.dims = dims

    def forward(self, x):
        for dim in self.dims if self.training else ():
            chosen = torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5
            x = torch.where(chosen, x.flip(dim), x)
        return x
