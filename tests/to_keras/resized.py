"""Module classes around resizing and patches of images."""

from __future__ import annotations

RESIZED = {
    "patches_and_grids": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.stn = nn.Linear(4, 6)
        self.a = nn.Upsample(scale_factor=2, mode="bicubic", align_corners=True)
        self.b = nn.Upsample(size=(9, 11), mode="bilinear", align_corners=True)
        self.c = nn.Upsample(scale_factor=1.5)
        self.down = nn.PixelUnshuffle(2)
        self.unfold = nn.Unfold(3, padding=1)
        self.fold = nn.Fold((8, 8), kernel_size=(3, 2), dilation=(1, 2), stride=2, padding=1)

    def forward(self, x):
        y = self.conv(x)
        theta = self.stn(y.mean((2, 3))).view(-1, 2, 3)
        grid = F.affine_grid(theta, y.size())
        p = F.grid_sample(y, grid)
        q = F.grid_sample(y, F.affine_grid(theta, y.size(), align_corners=True), padding_mode="border", align_corners=True)
        n = F.grid_sample(y, grid, mode="nearest")
        a = F.interpolate(y, scale_factor=2, mode="bicubic")
        b = F.interpolate(y, size=(7, 12), mode="bicubic", align_corners=True)
        c = F.interpolate(y, (5, 5), mode="area")
        u = F.unfold(y, (2, 3), dilation=(2, 1), stride=(1, 2))
        z = F.unfold(torch.cat([y, y], 1)[:, :, :8, :8], kernel_size=(3, 2), dilation=(1, 2), stride=2, padding=1)
        w = F.fold(z, (8, 8), (3, 2), dilation=(1, 2), stride=2, padding=1) + self.fold(z)
        return (p, q, n, a, b, c, u, w, self.a(y), self.b(y), self.c(y), self.down(y[:, :, :8, :8]),
                self.unfold(y), F.channel_shuffle(y, 2), F.pixel_unshuffle(y[:, :, :8, :8], 2))
""",
    "resized_sequences": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(3, 4, 3)
        self.up = nn.Upsample(scale_factor=2)
        self.line = nn.Upsample(scale_factor=3, mode="linear", align_corners=True)

    def forward(self, x):
        y = self.conv(self.up(x))
        return self.line(y), F.interpolate(y, size=7, mode="linear"), F.interpolate(y, scale_factor=2)
""",
}
