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
    "images_that_lie_differently": """
class Block(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv = nn.Conv2d(a, b, 3, padding=1)
    def forward(self, x):
        return F.relu(self.conv(x))

block = Block(3, 4)
print(block(torch.zeros(1, 3, 8, 8)).shape)

class Unit(nn.Module):
    def __init__(self, shortcut=None):
        super().__init__()
        self.shortcut = shortcut
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
    def forward(self, pair):
        x, y = pair
        a = x if self.shortcut is None else self.shortcut(x)
        b = y
        if self.shortcut is not None:
            b = self.shortcut(y)
        return self.conv(a), self.conv(b)

class Fit(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
    def forward(self, x, prev):
        if prev is None:
            return x
        elif x.size(2) != prev.size(2):
            return self.conv(prev)
        return prev

def halves(x, size):
    return torch.split(x, size, dim=1)

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.pre = nn.Sequential(nn.ReLU(), nn.Conv2d(3, 3, 3))
        self.body = nn.Sequential(Block(3, 4), Block(4, 4), nn.AvgPool2d(2))
        self.mid = nn.Sequential(nn.Conv2d(4, 4, 1), Block(4, 4), nn.BatchNorm2d(4), Block(4, 4))
        self.unit = Unit(nn.AvgPool2d(3, 1, 1))
        self.other = Unit()
        self.adapt = Fit()
    def forward(self, x):
        x = self.body(self.pre(x))
        x = self.mid(x)
        p, q = self.unit((x, x * 2))
        p, q = self.other((p, q))
        a, b = halves(p, 2)
        a, b = halves(torch.cat([a, q, b], 1), 4)
        return self.adapt(b, a), self.adapt(a, F.max_pool2d(b, 2)), b.mean((2, 3))
""",
    "transformers": """
from torch.nn import TransformerEncoder, TransformerEncoderLayer

class PositionalEncoding(nn.Module):
    def __init__(self, emb_size, dropout, maxlen=50):
        super().__init__()
        den = torch.exp(-torch.arange(0, emb_size, 2).float() * math.log(100) / emb_size)
        pos = torch.arange(0, maxlen).reshape(maxlen, 1).float()
        pe = torch.zeros((maxlen, emb_size))
        pe[:, 0::2] = torch.sin(pos * den)
        pe[:, 1::2] = torch.cos(pos * den)
        pe = pe.unsqueeze(-2)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer('pe', pe)
    def forward(self, x):
        return self.dropout(x + self.pe[:x.size(0), :])

class Model(nn.Module):
    def __init__(self, size=8):
        super().__init__()
        self.place = PositionalEncoding(size, 0.0)
        encoder_layer = TransformerEncoderLayer(d_model=size, nhead=2, dim_feedforward=12, dropout=0.0, activation=F.gelu)
        self.encoder = TransformerEncoder(encoder_layer, num_layers=2, norm=nn.LayerNorm(size))
        decoder_layer = nn.TransformerDecoderLayer(size, 2, 12, 0.0, norm_first=True)
        self.decoder = nn.TransformerDecoder(decoder_layer, 2)
        self.whole = nn.Transformer(size, 2, 1, 2, 10, dropout=0.0, batch_first=True)
    def mask(self, n):
        mask = (torch.triu(torch.ones(n, n)) == 1).transpose(0, 1)
        return mask.float().masked_fill(mask == 0, float("-inf")).masked_fill(mask == 1, float(0.0))
    def forward(self, x):
        x = self.place(x)
        n = x.size(0)
        memory = self.encoder(x, self.mask(n))
        y = self.decoder(torch.flip(x, (0,)), memory, tgt_mask=nn.Transformer.generate_square_subsequent_mask(n))
        z = self.whole(x, y, tgt_mask=self.whole.generate_square_subsequent_mask(x.size(1)))
        return y, z, memory
""",
    "functions_and_draws": """
from torch.autograd import Variable
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.lstm = nn.LSTM(4, 6, 1, batch_first=True)
        self.conv = nn.Conv1d(4, 6, 3)
        self.kernel = nn.Parameter(torch.randn(2, 3, 3, 3))
    def init_hidden(self, batch_size):
        weight = next(self.parameters()).data
        hidden = (weight.new(1, batch_size, 6).zero_(), weight.new_zeros(1, batch_size, 6))
        return hidden
    def noise(self, x):
        eps = torch.FloatTensor(x.size()).normal_()
        eps = Variable(eps)
        return x + eps * 0.1 + torch.normal(0.0, 0.5, size=(x.size(0), 1, 1)) + torch.normal(x, 0.1)
    def forward(self, x, images):
        device = next(self.parameters()).device
        y, _ = self.lstm(self.fc(x).to(device), self.init_hidden(x.size(0)))
        g = F.glu(self.conv(x.transpose(1, 2)), dim=1)
        h = F.glu(y)
        c = F.conv2d(images, self.kernel, padding=1, stride=2) + F.conv2d(images, self.kernel, torch.ones(2), padding=(1, 1))[:, :, ::2, ::2]
        z = x.cumprod(1).sum(0)
        d = torch.diag(z[0]), torch.diagonal(z[:, :3])
        pad = torch.zeros(x.size(0), 2).fill_(3.0) * x[:, 0, :2]
        return self.noise(x), g, h, c, z, *d, pad, torch.bincount(x[0, :, 0].abs().long(), minlength=7)
""",
    "without_gradient": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.head = nn.Linear(4, 2)
    @torch.no_grad()
    def sample(self, x):
        return self.forward(x).argmax(-1)
    def forward(self, x):
        with torch.no_grad():
            y = self.fc(x)
            b, n = y.shape
        z = self.head(y) / n
        return z
""",
    "given_dtype_and_checkpoint": """
import torch.utils.checkpoint as cp
class Model(nn.Module):
    def __init__(self, dtype=torch.float32):
        super().__init__()
        self.rnn = nn.LSTM(input_size=4, hidden_size=6, batch_first=True)
        self.norm = nn.BatchNorm1d(6)
        self.drop = nn.Dropout2d(0.25)
        self.fc = nn.Linear(6, 3)
        self.register_buffer("near", torch.eye(5, dtype=dtype))
        self.fc.reset_parameters()
    def body(self, x):
        return F.relu(self.fc(x))
    def forward(self, x):
        output, _ = self.rnn(x)
        if torch.cuda.is_available() and x.is_cuda:
            output = output * 2
        output = self.drop(self.norm(output[:, -1, :]))
        y = cp.checkpoint(self.body, output, use_reentrant=False)
        y = cp.checkpoint(lambda a: a * 2, y)
        near = self.near.expand(x.size(0), -1, -1)
        chosen = x[:, :, None].expand(-1, -1, 2, -1)
        return y, torch.bmm(near, x[:, :5]), chosen
""",
    "several_kinds_in_a_list": """
class Split(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.half = channels // 2
        self.conv = nn.Conv2d(self.half, self.half, 3, padding=1)
    def forward(self, x):
        a, b = x[:, : self.half, :, :], x[:, self.half :, :, :]
        return torch.cat([a, F.relu(self.conv(b))], 1)
class Down(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.drop = nn.Dropout2d(0.1)
    def forward(self, x):
        return self.drop(self.conv(x))
class Join(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels * 3, channels, 1)
    def forward(self, parts):
        return self.conv(torch.cat(parts, 1))
class Model(nn.Module):
    def __init__(self, count=2):
        super().__init__()
        blocks = [Down(3, 4)]
        for i in range(count):
            blocks.append(Split(4))
            self.__setattr__("part_%d" % i, Split(4))
        self.body = nn.Sequential(*blocks)
        self.join = Join(4)
        self.count = count
    def forward(self, x):
        x = self.body(x)
        parts = [x]
        for i in range(self.count):
            part = self.__getattr__("part_%d" % i)
            x = part(x)
            parts.append(x)
        return self.join(parts)
""",
    "normalization_flattened_at_once": """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.body = nn.Sequential(nn.Linear(144, 6), nn.BatchNorm1d(6))
        self.layers = nn.ModuleList([nn.BatchNorm1d(6) for _ in range(2)])
    def forward(self, x):
        features = self.norm(self.conv(x)).flatten(1)
        x = self.body(features).unflatten(1, (3, 2)).flatten(1)
        for layer in self.layers:
            x = layer(x).flatten(1)
        return x
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
    "with torch.no_grad(): m, i = x.max(1)\n        return m * 2": "torch.no_grad() around more",
}
