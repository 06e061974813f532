"""Classify reviews: embedding, bidirectional LSTM, GRU."""

import torch
from torch import nn

max_words = 200


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(max_words, 8)
        self.bidirectional = nn.LSTM(8, 5, batch_first=True, bidirectional=True)
        for name, parameter in self.bidirectional.named_parameters():
            if name.startswith("bias_hh"):  # Keras has one bias
                nn.init.zeros_(parameter).requires_grad_(False)
        self.dropout = nn.Dropout(0.3)
        self.gru = nn.GRU(10, 4, batch_first=True)
        self.dense = nn.Linear(4, 1)

    def forward(self, x):
        x = self.embedding(x)
        x, _ = self.bidirectional(x)
        x = self.dropout(x)
        x, _ = self.gru(x)
        return self.dense(x[:, -1])


model = Model()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9, eps=1e-7)


def run_epoch(model, loader, criterion, optimizer=None):
    model.train(optimizer is not None)
    total = 0.0
    with torch.set_grad_enabled(optimizer is not None):
        for x, y in loader:
            loss = criterion(model(x), y)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(x)
    return {"loss": total / len(loader.dataset)}
