"""Train a small convnet on digit images."""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

num_classes = 10
input_shape = (28, 28, 1)

# Synthetic stand-in for the digits
rng = np.random.default_rng(0)
x_train = rng.random((600, *input_shape)).astype("float32")
y_train = rng.integers(0, num_classes, size=600)
x_test = rng.random((100, *input_shape)).astype("float32")
y_test = rng.integers(0, num_classes, size=100)


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


class Model(nn.Module):
    """Maps images (batch, 28, 28, 1) to class logits (batch, num_classes)."""

    def __init__(self):
        super().__init__()
        self.conv2d = nn.Conv2d(1, 32, kernel_size=(3, 3))
        self.batch_normalization = BatchNorm2d(32, eps=1e-3, momentum=0.01)
        self.max_pooling2d = nn.MaxPool2d(kernel_size=(2, 2))
        # downsample once more, with a learned filter
        self.conv2d_1 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.dropout = nn.Dropout(0.5)
        self.dense = nn.Linear(3136, num_classes)

        for layer in (self.conv2d, self.conv2d_1, self.dense):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        x = x.permute(0, 3, 1, 2)  # channels first, as PyTorch convolves
        x = F.relu(self.conv2d(x))
        x = self.batch_normalization(x)
        x = self.max_pooling2d(x)
        x = F.relu(self.conv2d_1(x))
        x = x.permute(0, 2, 3, 1).flatten(1)  # channels last, as the weights expect
        x = self.dropout(x)
        return self.dense(x)


model = Model().to(device, memory_format=torch.channels_last)
print(model)

criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)


def make_loader(x, y, batch_size, shuffle=False):
    dataset = TensorDataset(torch.as_tensor(x), torch.as_tensor(y))
    return DataLoader(dataset, batch_size=batch_size, shuffle=shuffle)


def run_epoch(model, loader, criterion, optimizer=None):
    """Returns the mean loss and accuracy over one pass; updates the model if given an optimizer."""
    model.train(optimizer is not None)
    totals = {"loss": 0.0, "accuracy": 0.0}
    with torch.set_grad_enabled(optimizer is not None):
        for x, y in loader:
            x, y = x.to(device), y.to(device)
            output = model(x)
            loss = criterion(output, y)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            totals["loss"] += loss.item() * len(x)
            totals["accuracy"] += (output.argmax(dim=1) == y).sum().item()
    return {name: total / len(loader.dataset) for name, total in totals.items()}


# validation_split=0.1 holds out the last tenth, before shuffling
split = int(len(x_train) * (1 - 0.1))
train_loader = make_loader(x_train[:split], y_train[:split], 128, shuffle=True)
val_loader = make_loader(x_train[split:], y_train[split:], 128)

history = {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}
best_loss, best_state, wait = float("inf"), None, 0
for epoch in range(20):
    metrics = run_epoch(model, train_loader, criterion, optimizer)
    for name, value in run_epoch(model, val_loader, criterion).items():
        metrics[f"val_{name}"] = value
    for name, value in metrics.items():
        history[name].append(value)
    val_loss = metrics["val_loss"]
    print(f"Epoch {epoch + 1}/20", metrics)
    if val_loss < best_loss:
        best_loss, best_state, wait = val_loss, copy.deepcopy(model.state_dict()), 0
    else:
        wait += 1
        if wait >= 3:
            break
model.load_state_dict(best_state)

score = run_epoch(model, make_loader(x_test, y_test, 32), criterion)
print("Test loss:", score["loss"])
print("Test accuracy:", score["accuracy"])
model.eval()
with torch.no_grad():
    predictions = model(torch.as_tensor(x_test).to(device)).softmax(dim=-1).cpu().numpy()
print("Most common prediction:", np.bincount(predictions.argmax(axis=1)).argmax())
print("Best epoch:", int(np.argmin(history["val_loss"])) + 1)
