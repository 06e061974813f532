"""A table of measurements: a square layer, a norm, penalties, smoothed labels, clipped AdamW."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

rng = np.random.default_rng(0)
x = rng.normal(size=(64, 12)).astype("float32")
y = np.eye(3)[rng.integers(0, 3, 64)]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.square = nn.Linear(12, 12)
        self.norm = nn.LayerNorm(12, eps=0.001)
        self.side = nn.Linear(12, 12)
        self.pairs = nn.Conv1d(3, 6, 2, stride=2)
        self.classes = nn.Linear(6, 3)

        for layer in (self.square, self.pairs, self.classes):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.trunc_normal_(self.side.weight).data.mul_(
            (2 / self.side.weight[0].numel()) ** 0.5 / 0.87962566
        )  # he_normal
        nn.init.zeros_(self.side.bias)

    def forward(self, x):
        h = F.relu(self.square(x))
        h = self.norm(h)
        side = torch.tanh(self.side(h))
        h = h - side
        h = h.reshape(-1, 4, 3)
        h = F.softmax(h, dim=1)
        h = h.permute(0, 2, 1)  # channels first, as PyTorch convolves
        h = F.gelu(self.pairs(F.pad(h, (1, 0))))
        h = h.amax(dim=2)
        return self.classes(h)

    def regularization_loss(self):
        """The penalty on the weights; add it to the training loss."""
        return 0.01 * self.square.weight.square().sum()


model = Model().to(device)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, eps=1e-7, weight_decay=0.1)


def make_loader(x, y, batch_size, shuffle=False):
    dataset = TensorDataset(torch.as_tensor(x), torch.as_tensor(y, dtype=torch.float32))
    return DataLoader(dataset, batch_size=batch_size, shuffle=shuffle)


def run_epoch(model, loader, criterion, optimizer=None):
    """Returns the mean loss over one pass; trains if given an optimizer."""
    train = optimizer is not None
    model.train(train)
    total_loss = 0.0
    with torch.set_grad_enabled(train):
        for x, y in loader:
            x, y = x.to(device), y.to(device)
            output = model(x)
            loss = criterion(output, y) + model.regularization_loss()
            if train:
                optimizer.zero_grad()
                loss.backward()
                for parameter in model.parameters():  # each on its own
                    if parameter.grad is not None:
                        norm = parameter.grad.norm()
                        parameter.grad *= 0.5 / norm.clamp(min=0.5)
                optimizer.step()
            total_loss += loss.item() * len(y)
    return {"loss": total_loss / len(loader.dataset)}


train_loader = make_loader(x, y, 16, shuffle=True)
for epoch in range(2):
    logs = run_epoch(model, train_loader, criterion, optimizer)
    report = " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())
    print(f"Epoch {epoch + 1}/2 - {report}")
