class RandomRotation(nn.Module):
    """Rotates each image (channels first) by low to high of a full turn, while training."""

    def __init__(self, low, high, padding_mode="reflection"):
        super().__init__()
        self.low, self.high = low, high
        self.padding_mode = padding_mode

    def forward(self, x):
        if not self.training:
            return x
        height, width = x.shape[2:]
        draw = torch.rand(len(x), dtype=x.dtype, device=x.device)
        angle = 2 * math.pi * (self.low + (self.high - self.low) * draw)
        cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        rows = [cos, -sin * height / width, zero, sin * width / height, cos, zero]
        grid = F.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), x.shape, align_corners=False)
        return F.grid_sample(x, grid, padding_mode=self.padding_mode, align_corners=False)
