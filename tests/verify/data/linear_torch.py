import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

# Fit y = 2x + 1 with a single unit
x = np.linspace(-1, 1, 64, dtype="float32").reshape(-1, 1)
y = 2 * x + 1

model = nn.Sequential(nn.Linear(1, 1))
nn.init.xavier_uniform_(model[0].weight)
nn.init.zeros_(model[0].bias)

criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

dataset = TensorDataset(torch.as_tensor(x), torch.as_tensor(y))
loader = DataLoader(dataset, batch_size=32, shuffle=True)

history = {"loss": []}
for _ in range(5):
    model.train()
    total_loss = 0.0
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        total_loss += loss.item() * len(inputs)
    history["loss"].append(total_loss / len(dataset))
print(f"Loss: {history['loss'][-1]:.4f}")
