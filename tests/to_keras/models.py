"""More module classes: what whole models of real programs are made of."""

from __future__ import annotations

MODELS = {
    "parts_of_tensors": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x):
        batch, steps, size = x.shape
        y = self.fc(x)
        outputs = torch.zeros(steps, batch, size).to(x.device)
        late = torch.zeros(batch, steps, size)
        hidden = torch.zeros(batch, size)
        for t in range(steps):
            hidden = torch.tanh(self.fc(hidden) + x[:, t])
            outputs[t] = hidden
            late[:, -1 - t] = hidden
            late[:, t, 1:3] += hidden[:, :2]
        z = x.clone()
        z[..., 0] = 1.5
        z[:, 0:2].mul_(0.5)
        z[z > 1] = 0
        y[0, 0, -1] = 7
        y[:, ::2] = y[:, :1] * 2
        y[-1] = 3.0
        return outputs, late, z, y
""",
    "in_place": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.fc(x)
        F.relu(y, True)
        z = self.fc(y)
        self.relu(z)
        w = F.leaky_relu(self.fc(z), 0.1, True) + z
        v = F.relu(w, inplace=True)
        u = F.hardtanh(self.fc(v), -0.5, 0.5, True) - v
        q = u.add_(1)
        return z + w + v, u * 2, q
""",
    "padded_pools": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        y = self.conv(x)
        a = F.avg_pool2d(y, kernel_size=3, stride=1, padding=1)
        b = F.max_pool2d(y, kernel_size=3, stride=2, padding=1)
        c = F.max_pool2d(y, (3, 2), padding=(1, 0))
        return a, b, c, F.max_pool1d(y.flatten(2), 3, 2, 1)
""",
    "keywords_handed_on": """
class ConvBlock(nn.Module):
    def __init__(self, inputs, outputs, **kwargs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, bias=False, **kwargs)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)), inplace=True)


def wide(inputs, **settings):
    return nn.Sequential(ConvBlock(inputs, 6, **settings), nn.ReLU())


class Separable(nn.Module):
    def __init__(self, inputs, outputs, size, **kwargs):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, inputs, size, groups=inputs, **kwargs),
            ConvBlock(inputs, outputs, kernel_size=1),
        )

    def forward(self, x):
        return self.layers(x)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = ConvBlock(3, 4, kernel_size=3, padding=1)
        self.b = ConvBlock(4, 4, kernel_size=(1, 5), padding=(0, 2), stride=2)
        self.c = wide(4, kernel_size=3)
        self.d = Separable(6, 8, 3, padding=1, bias=False)

    def forward(self, x):
        return self.d(self.c(self.b(self.a(x))))
""",
    "losses": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 4)
        self.conv = nn.Conv2d(3, 4, 3)
        self.criterion = nn.MSELoss()
        self.total = nn.BCEWithLogitsLoss(reduction="sum")
        self.each = nn.L1Loss(reduction="none")

    def forward(self, x, images):
        y = self.fc(x)
        z = self.conv(images)
        target = torch.softmax(y, -1).detach()
        loss = self.criterion(y, torch.tanh(y.detach())) + self.total(y, target) + F.l1_loss(y, target)
        loss = loss + F.cross_entropy(z, z.argmax(dim=1)) + F.nll_loss(F.log_softmax(y, 1), y.argmax(1))
        log_p = F.log_softmax(y, 1)
        loss = loss + F.smooth_l1_loss(y, target) + F.kl_div(log_p, target, reduction="batchmean")
        loss = loss + F.binary_cross_entropy_with_logits(z, z.sigmoid().detach())
        return y, loss, self.each(y, target), F.mse_loss(z, z * 2)
""",
    "packed_sequences": """
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Model(nn.Module):
    def __init__(self, bidirectional=True):
        super().__init__()
        self.lstm = nn.LSTM(4, 5, num_layers=2, bidirectional=bidirectional, batch_first=True)
        self.gru = nn.GRU(10, 3, bidirectional=True)
        self.rnn = nn.RNN(4, 3, batch_first=True)
        self.fc = nn.Linear(6, 2)

    def forward(self, x):
        lengths = torch.clamp((x[:, 0, 0] * 3).long() + 3, 1, x.size(1))
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        self.lstm.flatten_parameters()
        packed_out, (h, c) = self.lstm(packed)
        last, state = self.gru(packed_out)
        out, sizes = pad_packed_sequence(packed_out, batch_first=True)
        other, _ = pad_packed_sequence(last)
        p, s = self.rnn(pack_padded_sequence(x.transpose(0, 1), lengths, enforce_sorted=False))
        h = h[-1] + h[-2] if self.lstm.bidirectional else h[-1] * self.rnn.hidden_size
        return out.sum(1), h, c * self.gru.num_layers, self.fc(other).sum(0), state, s, sizes
""",
}

# Assignments to parts of tensors that something else sees, too, and what is said.
SHARED = {
    "x[0] = 1.0; return x": "the caller sees",
    "y = x.view(-1); y[0] = 1.0; return x": "y may share its memory",
    "y = x * 2; row = y[0]; y[0, 0] = 1.0; return y + row": "y is held by something else",
    "y = x * 2; kept = [y]; y[0] = 1.0; return kept[0]": "y is held by something else",
    "y = x * 2; y[x.argmax(-1)] = 1.0; return y": "indices or a mask",
    "y = x * 2; y[y > 0] = y.sum(0); return y": "a mask chooses",
}
