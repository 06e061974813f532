import torch
from torch import nn
from torch.nn import functional as F


def pad_same(x, kernel_size, stride):
    """Pads the last two dimensions as Keras's padding="same" does."""
    pad = []
    for size in reversed(x.shape[-2:]):
        total = max((-(-size // stride) - 1) * stride + kernel_size - size, 0)
        pad += [total // 2, total - total // 2]
    return F.pad(x, pad)


class BatchNorm2d(nn.BatchNorm2d):
    """Keeps the biased running variance, as Keras does."""

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        with torch.no_grad():
            var, mean = torch.var_mean(x, (0, 2, 3), unbiased=False)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var, self.momentum)
        return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)


class ConvBn(nn.Module):
    def __init__(self, in_channels, filters, strides=1, activation=True):
        super().__init__()
        self.strides = strides
        self.activation = activation
        self.conv2d = nn.Conv2d(in_channels, filters, 3, stride=strides, bias=False)
        nn.init.kaiming_normal_(self.conv2d.weight)
        self.batch_normalization = BatchNorm2d(filters, eps=1.001e-5, momentum=0.01)

    def forward(self, x):
        x = self.conv2d(pad_same(x, 3, self.strides))
        x = self.batch_normalization(x)
        if self.activation:
            x = F.relu(x)
        return x


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, in_channels, filters, downsample=False):
        super().__init__()
        self.conv_bn = ConvBn(in_channels, filters, strides=2 if downsample else 1)
        self.conv_bn_1 = ConvBn(filters, filters, activation=False)
        self.downsample = downsample
        if downsample:
            self.conv2d = nn.Conv2d(in_channels, filters, 1, stride=2)

    def forward(self, x):
        shortcut = x
        x = self.conv_bn(x)
        x = self.conv_bn_1(x)
        if self.downsample:
            shortcut = self.conv2d(shortcut)
        return F.relu(x + shortcut)


class ResNet(nn.Module):
    def __init__(self, input_shape=(32, 32, 3), depth=(2, 2, 2), num_classes=10):
        super().__init__()
        self.conv_bn = ConvBn(input_shape[-1], 16)
        blocks, channels = [], 16
        for stage, count in enumerate(depth):
            for block in range(count):
                filters = 16 * 2**stage
                blocks.append(ResidualBlock(channels, filters, downsample=stage > 0 and block == 0))
                channels = filters
        self.residual_blocks = nn.Sequential(*blocks)
        self.dense = nn.Linear(channels, num_classes)

    def forward(self, x):
        x = x.permute(0, 3, 1, 2)  # channels first, as PyTorch convolves
        x = self.conv_bn(x)
        x = self.residual_blocks(x)
        x = x.mean(dim=(2, 3))
        return self.dense(x).softmax(dim=-1)

    def regularization_loss(self):
        """The L2 penalty on the kernels of conv_bn; add it to the training loss."""
        kernels = [m.conv2d.weight for m in self.modules() if isinstance(m, ConvBn)]
        return 1e-4 * sum(kernel.square().sum() for kernel in kernels)


def build_resnet(input_shape=(32, 32, 3), depth=(2, 2, 2), num_classes=10):
    return ResNet(input_shape, depth, num_classes)


if __name__ == "__main__":
    model = build_resnet()
    print(model)
