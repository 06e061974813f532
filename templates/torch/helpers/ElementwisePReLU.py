class ElementwisePReLU(nn.Module):
    """A slope of its own for each element, as in Keras; its axes are (*space, channels)."""

    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self, x):
        return F.relu(x) - self.weight.movedim(-1, 0) * F.relu(-x)
