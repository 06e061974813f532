"""Random training of a PyTorch model: data, loss, optimizer, schedule, and the loop in the ways people write it."""

from __future__ import annotations

from .dice import Dice
from .torch_models import Model
from .torch_tasks import OPTIMIZERS, RARE, SCHEDULES, TASKS


class Loop:
    """The lines behind the model."""

    def __init__(self, dice: Dice, model: Model, task: str) -> None:
        self.dice, self.model, self.task = dice, model, task
        self.two = len(model.inputs) > 1
        self.epochs = dice.number(1, 3)
        self.helpers: list[str] = []
        self.setup: list[str] = []
        self.scheduler, self.clip, self.device = "", "", dice.chance(25)
        self.loss(), self.optimizer()

    def loss(self) -> None:
        """`criterion`, or the name of a function that is called in the loop."""
        text = self.dice.mostly(TASKS[self.task][2], RARE.get(self.task, TASKS[self.task][2]))
        if "{weights}" in text:
            text = text.replace("{weights}", str([1.0 + i for i in range(self.model.outputs[0])]))
        if text == "rmse":
            self.helpers += [
                "def rmse(prediction, target):",
                "    return torch.sqrt(torch.mean((prediction - target) ** 2))",
                "",
                "",
            ]
        self.criterion = (
            text if text.startswith("F.") or text == "rmse" else self.dice.one(["criterion", "criterion", "loss_fn"])
        )
        if text.startswith("nn."):
            self.setup.append(f"{self.criterion} = {text}")

    def optimizer(self) -> None:
        """With options, a schedule, frozen or grouped parameters."""
        dice = self.dice
        name, options, rate = dice.mostly(OPTIMIZERS[:8], OPTIMIZERS[8:], 5)
        parameters, first = "model.parameters()", f"lr={rate}" if dice.chance(80) else str(rate)
        if len(self.model.attributes) > 1 and dice.chance(8):
            self.setup += [
                f"for p in {dice.one(self.model.attributes[:-1]).replace('self.', 'model.')}.parameters():",
                "    p.requires_grad = False",
            ]
            parameters = dice.one([parameters, "filter(lambda p: p.requires_grad, model.parameters())"])
        elif len(self.model.attributes) > 1 and dice.chance(5):
            a, b = (self.model.attributes[i].replace("self.", "model.") for i in (0, -1))
            parameters = f"[{{'params': {a}.parameters()}}, {{'params': {b}.parameters(), 'lr': {rate / 10}}}]"
        module = dice.one(["torch.optim", "optim", "optim"])
        self.setup.append(f"optimizer = {dice.call(f'{module}.{name}', parameters, first, **options)}")
        if dice.chance(30):
            self.scheduler = dice.mostly([s for s in SCHEDULES if "OneCycle" not in s], SCHEDULES, 5)
            self.setup.append(f"scheduler = {module}.lr_scheduler.{self.scheduler}")
        if dice.chance(15):
            self.clip = dice.one(
                [
                    "nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
                    "torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.5)",
                    "nn.utils.clip_grad_value_(model.parameters(), 0.1)",
                ]
            )

    def sent(self, names: list[str]) -> list[str]:
        """The batch goes to the device."""
        if not self.device:
            return []
        if self.dice.chance(50):
            return [f"{name} = {name}.to(device)" for name in names]
        return [f"{', '.join(names)} = {', '.join(f'{name}.to(device)' for name in names)}"]

    def step(self, xs: list[str], y: str) -> list[str]:
        """The statements of one update, in the orders that people write."""
        dice = self.dice
        output = dice.one(["output", "outputs", "pred", "logits"])
        forward = [f"{output} = model({', '.join(xs)})", f"loss = {self.criterion}({output}, {y})"]
        if dice.chance(15):
            forward = [f"loss = {self.criterion}(model({', '.join(xs)}), {y})"]
        elif "rmse" not in self.criterion and dice.chance(6):
            forward.append("loss = loss + 1e-3 * sum(p.pow(2).sum() for p in model.parameters())")
        clear = dice.one(
            [
                "optimizer.zero_grad()",
                "optimizer.zero_grad()",
                "model.zero_grad()",
                "optimizer.zero_grad(set_to_none=True)",
            ]
        )
        end = ["loss.backward()", *([self.clip] if self.clip else []), "optimizer.step()"]
        kind = dice.number(0, 5)
        if kind <= 2:
            return [clear, *forward, *end]
        if kind <= 4:
            return [*forward, clear, *end]
        return [*forward, *end, clear]

    def schedule(self, loss: str) -> list[str]:
        if not self.scheduler:
            return []
        return [f"scheduler.step({loss if 'Plateau' in self.scheduler else ''})"]

    def hits(self, output: str, y: str) -> str:
        """How many of a batch are right."""
        if self.task in ("ids", "log ids"):
            return f"({output}.argmax({self.dice.one(['1', 'dim=1'])}) == {y}).sum().item()"
        if self.task == "binary":
            return f"(({output} > 0.5).float() == {y}).sum().item()"
        return f"({output} - {y}).abs().sum().item()"


def canonical(loop: Loop) -> list[str]:
    """Epochs over a loader, with what is gathered, and perhaps validation."""
    dice = loop.dice
    names = ["xb", "extra_b", "yb"] if loop.two else dice.one([["xb", "yb"], ["inputs", "labels"], ["data", "target"]])
    step = loop.step(names[:-1], names[-1])
    kind = dice.number(0, 4)
    lines = _loader(loop)
    lines.append(f"for epoch in range({loop.epochs}):")
    body = ["model.train()"] if dice.chance(80) else []
    body += ["total = 0.0"] if kind in (1, 2, 3) else []
    over = f"({', '.join(names)})" if kind == 3 else ", ".join(names)
    body.append(f"for i, {over} in enumerate(loader):" if kind == 3 else f"for {over} in loader:")
    gathered = {
        0: [],
        1: ["total += loss.item()"],
        2: [f"total += loss.item() * {names[0]}.size(0)"],
        3: ["total += loss.item()", "if i % 2 == 0:", "    print(epoch, i, loss.item())"],
        4: [],
    }[kind]
    per_batch = bool(loop.scheduler) and "OneCycle" in loop.scheduler
    inside = [*loop.sent(names), *step, *(loop.schedule("") if per_batch else []), *gathered]
    body += [f"    {line}" for line in inside]
    checked = dice.chance(45)
    if checked:
        body += _validation(loop, names)
    if not per_batch:
        body += loop.schedule("val_loss" if checked else "loss" if kind in (0, 4) else "total")
    shown = {1: "total / len(loader)", 2: "total / len(loader.dataset)", 3: "total"}.get(kind, "loss.item()")
    body.append(f"print(f'epoch {{epoch}}: {{{shown}:.4f}}')")
    return [*lines, *(f"    {line}" for line in body)]


def _loader(loop: Loop) -> list[str]:
    parts = ", ".join(["x", "extra", "y"] if loop.two else ["x", "y"])
    made = loop.dice.call(
        "DataLoader",
        f"TensorDataset({parts})",
        f"batch_size={loop.dice.one([8, 6, 16])}",
        shuffle=["True", "True", "False"],
        drop_last=["True"],
    )
    return [f"loader = {made}"]


def _validation(loop: Loop, names: list[str]) -> list[str]:
    """One pass without gradients."""
    dice = loop.dice
    call = f"model({', '.join(names[:-1])})"
    if dice.chance(40):
        whole = f"model({'x, extra' if loop.two else 'x'})"
        sent = loop.sent(["x", "extra", "y"] if loop.two else ["x", "y"])
        return [
            "model.eval()",
            "with torch.no_grad():",
            *(f"    {line}" for line in sent),
            f"    val_loss = {loop.criterion}({whole}, y).item()",
            "print('val', val_loss)",
        ]
    body = [
        *loop.sent(names),
        f"out = {call}",
        f"val_loss += {loop.criterion}(out, {names[-1]}).item()",
        f"correct += {loop.hits('out', names[-1])}",
    ]
    return [
        *(
            "model.eval()",
            "val_loss, correct = 0.0, 0",
            "with torch.no_grad():",
            f"    for {', '.join(names)} in loader:",
        ),
        *(f"        {line}" for line in body),
        *("val_loss /= len(loader)", "print('val', val_loss, correct)"),
    ]


def whole(loop: Loop) -> list[str]:
    """Every update sees all samples."""
    xs = ["x", "extra"] if loop.two else ["x"]
    step = loop.step(xs, "y")
    lines = loop.sent([*xs, "y"])
    lines += [
        f"for {loop.dice.one(['epoch', 'step', 't'])} in range({loop.epochs + 1}):",
        *(f"    {line}" for line in step),
    ]
    lines += [f"    {line}" for line in loop.schedule("loss")]
    return [
        *lines,
        loop.dice.one(["    print(loss.item())", "    print(float(loss))", "    print(f'{loss.item():.4f}')"]),
    ]


def sliced(loop: Loop) -> list[str]:
    """Batches are cut by hand."""
    dice = loop.dice
    size = dice.one([4, 8])
    names = ["xb", "extra_b", "yb"] if loop.two else ["xb", "yb"]
    wholes = ["x", "extra", "y"] if loop.two else ["x", "y"]
    lines = [f"for epoch in range({loop.epochs}):"]
    cut = f"i:i + {size}"
    if dice.chance(30):
        lines += ["    order = torch.randperm(len(x))"]
        cut = f"order[i:i + {size}]"
    lines += [f"    for i in range(0, {dice.one(['len(x)', 'x.shape[0]', 'x.size(0)'])}, {size}):"]
    inside = [
        *(f"{a} = {b}[{cut}]" for a, b in zip(names, wholes, strict=True)),
        *loop.sent(names),
        *loop.step(names[:-1], names[-1]),
    ]
    lines += [f"        {line}" for line in inside]
    lines += [f"    {line}" for line in loop.schedule("loss.item()")]
    return [*lines, "    print(epoch, loss.item())"]


def _evaluate(loop: Loop, names: list[str], handed: str) -> None:
    """The function that validates."""
    body = [
        *loop.sent(names),
        f"out = model({', '.join(names[:-1])})",
        f"total += {loop.criterion}(out, {names[-1]}).item()",
        f"correct += {loop.hits('out', names[-1])}",
    ]
    decorated = loop.dice.chance(30)
    loop.helpers += ["@torch.no_grad()"] if decorated else []
    loop.helpers += [
        f"def evaluate(model, loader{handed}):",
        "    model.eval()",
        "    total, correct = 0.0, 0",
    ]
    loop.helpers += [] if decorated else ["    with torch.no_grad():"]
    pad = "    " if decorated else "        "
    loop.helpers += [f"{pad}for {', '.join(names)} in loader:", *(f"{pad}    {line}" for line in body)]
    loop.helpers += ["    return total / len(loader), correct / len(loader.dataset)", "", ""]


def functions(loop: Loop) -> list[str]:
    """`train(...)` and `evaluate(...)`, called for each epoch."""
    dice = loop.dice
    names = ["xb", "extra_b", "yb"] if loop.two else ["xb", "yb"]
    own = loop.criterion if loop.criterion.startswith("F.") or loop.criterion == "rmse" else ""
    handed = "" if own else f", {loop.criterion}"
    place = ", device" if loop.device else ""
    inside = [*loop.sent(names), *loop.step(names[:-1], names[-1]), "total += loss.item()"]
    loop.helpers += [
        f"def train(model, loader{handed}, optimizer{place}):",
        "    model.train()",
        "    total = 0.0",
        f"    for {', '.join(names)} in loader:",
    ]
    loop.helpers += [*(f"        {line}" for line in inside), "    return total / len(loader)", "", ""]
    checked = dice.chance(60)
    if checked:
        _evaluate(loop, names, handed + place)
    lines = [
        *_loader(loop),
        f"for epoch in range({loop.epochs}):",
        f"    train_loss = train(model, loader{handed}, optimizer{place})",
    ]
    if checked:
        lines += [f"    val_loss, score = evaluate(model, loader{handed}{place})"]
    lines += [f"    {line}" for line in loop.schedule("val_loss" if checked else "train_loss")]
    return [*lines, f"    print(epoch, train_loss{', val_loss, score' if checked else ''})"]


def accumulated(loop: Loop) -> list[str]:
    """Gradients of several batches make one update."""
    names = ["xb", "extra_b", "yb"] if loop.two else ["xb", "yb"]
    count = loop.dice.one([2, 4])
    body = [
        *loop.sent(names),
        f"loss = {loop.criterion}(model({', '.join(names[:-1])}), {names[-1]}) / {count}",
        "loss.backward()",
    ]
    body += [
        f"if (i + 1) % {count} == 0:",
        *([f"    {loop.clip}"] if loop.clip else []),
        "    optimizer.step()",
        "    optimizer.zero_grad()",
    ]
    lines = [
        *_loader(loop),
        "optimizer.zero_grad()",
        f"for epoch in range({loop.epochs}):",
        f"    for i, ({', '.join(names)}) in enumerate(loader):",
    ]
    lines += [f"        {line}" for line in body]
    return [*lines, *(f"    {line}" for line in loop.schedule("loss.item()")), "    print(epoch, loss.item())"]


LOOPS = [canonical, canonical, canonical, whole, whole, sliced, functions, functions, accumulated]


def behind(loop: Loop) -> list[str]:
    """What is done with the trained model."""
    dice, call = loop.dice, "model(x, extra)" if loop.two else "model(x)"
    if not dice.chance(50):
        return []
    moved = [*loop.sent(["x", "extra"] if loop.two else ["x"])]
    first = [f"prediction = {call}"]
    forms = ["print(prediction.shape)", "print(prediction[:2].numpy())", "print(prediction.mean().item())"]
    if loop.device:
        forms = ["print(prediction.shape)", "print(prediction[:2].cpu().numpy())", "print(prediction.mean().item())"]
    if loop.task in ("ids", "log ids"):
        forms += [
            "print((prediction.argmax(dim=1) == y).float().mean().item())",
            "print(torch.max(prediction, 1)[1][:5])",
        ]
    return [
        *moved,
        "model.eval()",
        "with torch.no_grad():",
        *(f"    {line}" for line in first),
        dice.one(forms if not loop.device else forms[:3]),
    ]
