"""Programs for test_numbers that take gradients by themselves: tensors by name, loops over weights, odd losses."""

from __future__ import annotations

from textwrap import dedent

BY_HAND = """\
    w = torch.tensor([1.0], requires_grad=True)


    def forward(x):
        return x * w


    def loss(y_pred, y_val):
        return (y_pred - y_val) ** 2


    print("before", forward(4).item())
    for epoch in range(3):
        for x_val, y_val in zip([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]):
            l = loss(forward(x_val), y_val)
            l.backward()
            print("grad", x_val, w.grad.item())
            w.data = w.data - 0.01 * w.grad.item()
            # cleared by hand
            w.grad.data.zero_()
        print(epoch, l.item())
    print("after", forward(4).item())
    """
REGRESSION = """\
    w = torch.nn.Parameter(torch.ones(3, 4) * 0.1)
    b = torch.zeros(4, requires_grad=True)
    old = w.detach().clone()
    print(w.grad is None)
    loss = ((x.mm(w) + b - values) ** 2).mean()
    loss.backward()
    print(w.grad.sum().item(), b.grad[0].item())
    w.data = w.data - 0.1 * w.grad.data
    b.data = b.data - 0.1 * b.grad.data
    for epoch in range(4):
        y_pred = x.mm(w) + b
        loss = torch.mean((y_pred - values) ** 2)
        w.grad.zero_()
        b.grad.zero_()
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
            b.sub_(0.1 * b.grad)
        print(epoch, loss.item(), w.abs().sum().item())
    print(old.sum().item())
    """
ADDED = """\
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    y = torch.tensor(0.5, requires_grad=True)
    k = x ** 2 * y
    out = k.sum()
    out.backward(retain_graph=True)
    print(x.grad[0].item(), y.grad.item())
    out.backward(retain_graph=True)
    print(x.grad[0].item(), y.grad.item())
    x.grad.zero_()
    k.backward(torch.tensor([1.0, 0.0]))
    print(x.grad.tolist(), y.grad.item())
    x = torch.tensor([1.0, 5.0], requires_grad=True)
    print(x.grad is None)
    (x * x).sum().backward()
    print(x.grad.tolist())
    """
SUMMED = """\
    w = torch.tensor([0.3, 0.2, 0.1], requires_grad=True)
    loader = DataLoader(TensorDataset(x, values[:, 0]), batch_size=8)
    for epoch in range(3):
        total = 0.0
        for data, target in loader:
            loss = ((data.matmul(w) - target) ** 2).sum()
            loss.backward()
            total += loss.item()
        w.data.add_(w.grad, alpha=-0.01)
        w.grad = None
        print(epoch, total, w.sum().item())
    """
WEIGHTS = """\
    model = Net(3, 5, 4)
    for epoch in range(5):
        loss = F.mse_loss(model(x), values)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for param in model.parameters():
                param -= 0.5 * param.grad
        print(epoch, loss.item(), sum(p.abs().sum().item() for p in model.parameters()))
    """
MOMENTS = """\
    model = nn.Sequential(nn.Linear(3, 4))
    sizes = [0 * param.data for param in model.parameters()]
    for size in sizes:
        print(size.sum().item())
    """
MOMENTUM = """\
    def momentum(parameters, vs, lr, gamma=0.9):
        for param, v in zip(parameters, vs):
            v[:] = gamma * v + lr * param.grad.data
            param.data = param.data - v


    model = Net(3, 5, 4)
    vs = []
    for param in model.parameters():
        vs.append(torch.zeros_like(param.data))
    for epoch in range(5):
        output = model(x)
        loss = F.mse_loss(output, values)
        model.zero_grad()
        loss.backward()
        momentum(model.parameters(), vs, 0.1)
        print(epoch, loss.item())
    """
PARAMETERS = """\
    w1 = nn.Parameter(torch.full((3, 5), 0.1))
    b1 = nn.Parameter(torch.zeros(5))
    w2 = torch.full((5, 4), 0.2, requires_grad=True)


    def network(inputs):
        return torch.mm(torch.tanh(torch.mm(inputs, w1) + b1), w2)


    optimizer = optim.SGD([w1, b1, w2], lr=0.1, momentum=0.5)
    for epoch in range(5):
        out = network(x)
        loss = F.mse_loss(out, values)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(epoch, loss.item(), w1[0, 0].item(), w2.sum().item())
    """
FGSM = """\
    model = Net(3, 5, 4)
    for data, target in DataLoader(TensorDataset(x, ids), batch_size=6):
        data.requires_grad = True
        output = model(data)
        loss = F.cross_entropy(output, target)
        model.zero_grad()
        loss.backward()
        changed = data + 0.1 * data.grad.data.sign()
        print(loss.item(), F.cross_entropy(model(changed), target).item())
    """
PGD = """\
    model = Net(3, 5, 4)
    criterion = nn.CrossEntropyLoss()
    delta = torch.zeros_like(x, requires_grad=True)
    for i in range(4):
        loss = criterion(model(x + delta), ids)
        loss.backward()
        delta.data = (delta + 0.05 * delta.grad.detach().sign()).clamp(-0.1, 0.1)
        delta.grad.zero_()
        print(i, loss.item(), delta.sum().item())
    """
STYLE = """\
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = Net(3, 5, 4)
    content = x.to(device)
    target = content.clone().requires_grad_(True).to(device)
    optimizer = optim.SGD([target], lr=0.5)
    wanted = model(content).detach() + 1.0
    for i in range(4):
        loss = torch.mean((model(target) - wanted) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(i, loss.item(), target.sum().item(), content.sum().item())
    """
IN_A_FUNCTION = """\
    def slope(value):
        point = torch.tensor(value, requires_grad=True)
        result = torch.exp(point) / (1.0 + torch.exp(-point))
        result.backward()
        return point.grad.item()


    print(slope(0.5), slope(-1.0))
    """
SOFT_UPDATE = """\
    online, target = Net(3, 5, 4), Net(3, 5, 4)
    optimizer = optim.SGD(online.parameters(), lr=0.1)
    for epoch in range(4):
        loss = F.mse_loss(online(x), target(x).detach() + values)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for target_param, param in zip(target.parameters(), online.parameters()):
            target_param.data.copy_(0.1 * param.data + (1.0 - 0.1) * target_param.data)
        print(epoch, loss.item())
    """
LOSSES = """\
    model = Net(3, 5, 4)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    criterion = nn.MSELoss()
    for epoch in range(3):
        optimizer.zero_grad()
        first = criterion(model(x), values)
        second = criterion(model(-x), values)
        (first + second).backward()
        optimizer.step()
        print(first.item(), second.item())
    for epoch in range(3):
        optimizer.zero_grad()
        loss = criterion(model(x), values)
        (loss / 2).backward()
        optimizer.step()
        print(loss.item())
    for epoch in range(3):
        optimizer.zero_grad()
        F.mse_loss(model(x), values, reduction="none").mean().backward()
        optimizer.step()
        print(criterion(model(x), values).item())
    for first, second in DataLoader(TensorDataset(x, values), batch_size=8):
        optimizer.zero_grad()
        l2 = 0
        for p in model.parameters():
            l2 = l2 + p.pow(2).sum()
        loss = criterion(model(first), second)
        (loss + 0.1 * l2).backward()
        optimizer.step()
        print(loss.item(), l2.item())
    """

CHECKPOINT = """\
    import os, tempfile
    path = os.path.join(tempfile.mkdtemp(), "checkpoint.pt")
    model = Net(3, 5, 4)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


    def train(epochs):
        for epoch in range(epochs):
            output = model(x)
            loss = F.mse_loss(output, values)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            print(epoch, loss.item(), output.mean().item())


    train(3)
    torch.save({"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
    train(2)
    checkpoint = torch.load(path)
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    print(checkpoint["epoch"])
    train(2)
    """
PRECISION = """\
    from torch.amp import GradScaler, autocast
    model = Net(3, 5, 4)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    scaler = GradScaler("cpu", enabled=False)
    for epoch in range(4):
        optimizer.zero_grad()
        with autocast("cpu", enabled=False):
            output = model(x)
            loss = F.mse_loss(output, values)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 0.2)
        scaler.step(optimizer)
        scaler.update()
        print(epoch, loss.item(), output.mean().item())
    """
TOP = """\
    model = Net(3, 5, 4)
    probabilities = torch.softmax(model(x), dim=1)
    best, classes = probabilities.topk(1, dim=1)
    equals = classes == ids.view(*classes.shape)
    print(best.sum().item(), equals.type(torch.FloatTensor).mean().item(), torch.zeros(*x.shape).sum().item())
    """

GRADIENTS = {
    name: dedent(text)
    for name, text in {
        "by_hand": BY_HAND,
        "regression_by_hand": REGRESSION,
        "gradients_added": ADDED,
        "gradients_summed": SUMMED,
        "loop_over_weights": WEIGHTS,
        "listed_before_the_first_call": MOMENTS,
        "momentum_by_hand": MOMENTUM,
        "parameters_by_name": PARAMETERS,
        "fast_gradient_sign": FGSM,
        "projected_gradient": PGD,
        "style_transfer": STYLE,
        "in_a_function": IN_A_FUNCTION,
        "soft_update": SOFT_UPDATE,
        "losses_without_name": LOSSES,
        "checkpoint": CHECKPOINT,
        "mixed_precision": PRECISION,
        "top_class": TOP,
    }.items()
}
GRADIENT_WARNINGS = {"momentum_by_hand": {"T2K222"}, "checkpoint": {"T2K221", "T2K222"}}
