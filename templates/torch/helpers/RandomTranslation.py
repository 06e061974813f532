class RandomTranslation(nn.Module):
    """Moves each image (channels first) by a part of its height and width, while training.

    height and width are (low, high).
    """

    def __init__(self, height, width, padding_mode="reflection"):
        super().__init__()
        self.height, self.width = height, width
        self.padding_mode = padding_mode

    def forward(self, x):
        if not self.training:
            return x
        rows = torch.eye(2, 3, dtype=x.dtype, device=x.device).repeat(len(x), 1, 1)
        for row, (low, high) in ((1, self.height), (0, self.width)):
            draw = torch.rand(len(x), dtype=x.dtype, device=x.device)
            rows[:, row, 2] = -2 * (low + (high - low) * draw)
        grid = F.affine_grid(rows, x.shape, align_corners=False)
        return F.grid_sample(x, grid, padding_mode=self.padding_mode, align_corners=False)
