"""Programs for test_numbers about the tensors of a script: changed in place, of integers, with classes inside."""

from __future__ import annotations

from textwrap import dedent

IN_PLACE = """\
    a = torch.ones(5)
    a.add_(1)
    print(a.tolist())
    c = torch.zeros(3)
    c.add_(2).mul_(3)
    c[0] = 9
    c[-1] -= 2
    print(c.tolist())
    w = torch.zeros(2, 3)
    w[:, 0] = torch.tensor([1.0, 2.0])
    w[1, 1:] = 4
    w[0].fill_(7.0)
    w[w > 5] = 5
    print(w.tolist())
    for i in range(2):
        w[i] = w[i] * i
        w[i, 2] += 1
    w.clamp_(0, 1)
    w.sub_(0.5)
    print(w.tolist())
    array = np.zeros(3)
    same = torch.from_numpy(array)
    same[1] = 4.0
    array += 1
    print(array.tolist(), same.tolist())


    class Meter:
        def __init__(self):
            self.sums = torch.zeros(2)

        def add(self, value):
            self.sums[1] += value
            return self.sums[1].item()


    meter = Meter()
    print(meter.add(2.5), meter.add(1.5))
    """
ALIASES = """\
    c = torch.zeros(3)
    d = c
    d.mul_(2)
    row = c[1:]
    row += 1
    print(c[0].item(), d[0].item())
    """
INTEGERS = """\
    a, b = torch.tensor([7, 8, 9]), torch.tensor([2, 3, 4])
    print((a / b).tolist(), (a * 1.5).tolist(), (a // b).tolist(), torch.remainder(-a, b).tolist())
    print(a.sum().item(), a.max().item(), a[0].item(), torch.tensor([3]).item(), torch.arange(5).sum().item())
    print((a > 7).any().item(), (a > 7).sum().item(), torch.full((2,), 3).tolist(), torch.full((2,), 3.0).tolist())
    mask = values > 0
    print((mask * values).sum().item(), (mask.sum() / mask.numel()).item(), mask.numel(), torch.max(a, b).tolist())
    print(torch.sum(ids == 1).item(), x[:4].min(dim=0).values.tolist(), torch.true_divide(a, 2).tolist())
    """
CLASSES_INSIDE = """\
    model = Net(3, 5, 4)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    criterion = nn.CrossEntropyLoss()
    rows = ids.view(6, 4)
    for step in range(3):
        output = model(x).view(6, 4, 4)
        loss = criterion(output.transpose(1, 2), rows)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(step, loss.item())
    turned = output.permute(0, 2, 1)
    print(F.cross_entropy(turned, rows, reduction="sum").item(), nn.NLLLoss()(F.log_softmax(turned, dim=1), rows).item())
    print(nn.CrossEntropyLoss(ignore_index=1)(turned, rows).item(), F.cross_entropy(turned, rows, label_smoothing=0.1).item())
    images = values.view(2, 3, 4, 4)
    print(images.permute(0, 2, 3, 1)[0].tolist(), torch.permute(images, (0, 3, 1, 2))[0, 0].tolist())
    print(images[0].permute(1, 2, 0)[0].tolist(), images.transpose(1, 3)[1, 1].tolist(), turned.permute(0, 2, 1).tolist())
    print(nn.L1Loss(reduction="sum")(output, values.view(6, 4, 4)).item())
    """
SEGMENTATION = """\
    class Segmenter(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)
            nn.init.constant_(self.conv.weight, 0.1)
            nn.init.zeros_(self.conv.bias)

        def forward(self, a):
            return self.conv(a)


    images = torch.from_numpy(rng.normal(size=(8, 3, 4, 4)))
    masks = torch.from_numpy(rng.integers(0, 4, size=(8, 4, 4)))
    model = Segmenter()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    for epoch in range(2):
        for a, b in DataLoader(TensorDataset(images, masks), batch_size=4):
            optimizer.zero_grad()
            loss = criterion(model(a), b)
            loss.backward()
            optimizer.step()
        print(epoch, loss.item())
    """

CARRIED = """\
    model = Net(3, 5, 4)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    before = None
    for step, (a, b) in enumerate(zip(x.split(7), ids.split(7))):
        output = model(a)
        if before is not None:
            output = output + before.mean(0, keepdim=True)
        loss = F.cross_entropy(output, b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        before = output.detach()
        print(step, loss.item(), (loss * len(b)).item(), len(b))
    """
LOADERS = """\
    def make(a, b, shuffle):
        dataset = TensorDataset(torch.as_tensor(a), torch.as_tensor(b).reshape(b.shape))
        return DataLoader(dataset, batch_size=9, shuffle=shuffle)


    def like(array):
        return torch.ones(array.shape)


    for a, b in make(x, values, False):
        print(a.sum().item(), b[0, 0].item(), len(a))
    print(sum(len(a) for a, _ in make(x, values, True)), like(np.zeros((2, 3))).sum().item())
    """

TENSORS = {
    name: dedent(text)
    for name, text in {
        "changed_in_place": IN_PLACE,
        "integers": INTEGERS,
        "classes_inside": CLASSES_INSIDE,
        "segmentation": SEGMENTATION,
        "carried": CARRIED,
        "loaders": LOADERS,
    }.items()
}
