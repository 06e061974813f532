class RandomZoom(nn.Module):
    """Zooms each image (channels first) about its centre, while training.

    height and width are (low, high): -0.2 zooms in by a fifth. Without width both are the same.
    """

    def __init__(self, height, width=None, padding_mode="reflection"):
        super().__init__()
        self.height, self.width = height, width
        self.padding_mode = padding_mode

    def forward(self, x):
        if not self.training:
            return x
        rows = torch.zeros(len(x), 2, 3, dtype=x.dtype, device=x.device)
        for row, bounds in ((1, self.height), (0, self.width)):
            if bounds is None:
                rows[:, 0, 0] = rows[:, 1, 1]
            else:
                draw = torch.rand(len(x), dtype=x.dtype, device=x.device)
                rows[:, row, row] = 1 + bounds[0] + (bounds[1] - bounds[0]) * draw
        grid = F.affine_grid(rows, x.shape, align_corners=False)
        return F.grid_sample(x, grid, padding_mode=self.padding_mode, align_corners=False)
