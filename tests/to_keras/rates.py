"""Programs for test_numbers that change learning rates: in classes, in functions, by hand, by schedulers of their own."""

from __future__ import annotations

from textwrap import dedent

START = dedent("""\
    loader = DataLoader(TensorDataset(x, ids), batch_size=8)
    model = Net(3, 5, 4)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


    def epoch_of(optimizer):
        for data, target in loader:
            optimizer.zero_grad()
            loss = criterion(model(data), target)
            loss.backward()
            optimizer.step()
        return loss.item()


    """)

IN_A_CLASS = dedent("""\
    class Runner:
        def __init__(self, model, lr):
            self.model = model
            self.criterion = nn.CrossEntropyLoss()
            self.optimizer = optim.SGD(self.model.parameters(), lr=lr, momentum=0.9)
            self.scheduler = optim.lr_scheduler.MultiStepLR(self.optimizer, milestones=[1, 2], gamma=0.1)

        def train(self, epochs):
            for epoch in range(epochs):
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(x), ids)
                loss.backward()
                self.optimizer.step()
                self.scheduler.step()
                print(loss.item(), self.scheduler.get_last_lr()[0])


    Runner(Net(3, 5, 4), 0.2).train(4)
    """)
ELSEWHERE = dedent("""\
    def made(model, lr):
        optimizer = optim.SGD(model.parameters(), lr=lr)
        scheduler = optim.lr_scheduler.LambdaLR(optimizer, lr_lambda=[lambda epoch: 0.5 ** epoch])
        return optimizer, scheduler


    def train(model, optimizer, scheduler):
        loss = F.cross_entropy(model(x), ids)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        print(loss.item(), optimizer.param_groups[0]["lr"])


    def main():
        model = Net(3, 5, 4)
        optimizer, scheduler = made(model, 0.1)
        for _ in range(3):
            train(model, optimizer, scheduler)


    main()
    """)
BY_HAND = START + dedent("""\
    def adjust_learning_rate(optimizer, epoch):
        if epoch < 2:
            lr = 0.1 * (epoch + 1) / 2
        else:
            lr = 0.05
        # there is one group
        for param_group in optimizer.param_groups:
            param_group['lr'] = lr


    def get_lr(optimizer):
        for param_group in optimizer.param_groups:
            return param_group['lr']


    for epoch in range(4):
        adjust_learning_rate(optimizer, epoch)
        print(epoch_of(optimizer), get_lr(optimizer), [g["lr"] for g in optimizer.param_groups])
        for g in optimizer.param_groups: g['lr'] = 0.3
        for g in optimizer.param_groups:
            g['lr'] *= 0.5
        print(optimizer.param_groups[-1]['lr'])
    """)
OF_ITS_OWN = START + dedent("""\
    class WarmUp(optim.lr_scheduler._LRScheduler):
        def __init__(self, optimizer, total, last_epoch=-1):
            self.total = total
            super().__init__(optimizer, last_epoch)

        def get_lr(self):
            if self.last_epoch > self.total:
                return [group["lr"] for group in self.optimizer.param_groups]
            return [base_lr * (self.last_epoch + 1) / (self.total + 1) for base_lr in self.base_lrs]


    scheduler = WarmUp(optimizer, 2)
    for epoch in range(5):
        print(epoch_of(optimizer), optimizer.param_groups[0]['lr'])
        scheduler.step()
    """)
RESTARTS = START + dedent("""\
    scheduler = optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=1, T_mult=2, eta_min=0.01)
    for epoch in range(6):
        print(epoch_of(optimizer), scheduler.get_last_lr()[0])
        scheduler.step()
    """)
FACTORS = START + dedent("""\
    lr = 0.05
    optimizer = optim.SGD(model.parameters(), lr=lr)
    scheduler = optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 1 / (1 + epoch))
    for epoch in range(4):
        print(epoch_of(optimizer), lr)
        scheduler.step()
        lr = optimizer.param_groups[0]["lr"]
    """)
TOLD = START + dedent("""\
    scheduler = optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5)
    for epoch in range(1, 5):
        print(epoch_of(optimizer), optimizer.param_groups[0]["lr"])
        scheduler.step(epoch)
    """)
RATES = {
    "rate_in_a_class": IN_A_CLASS, "rate_elsewhere": ELSEWHERE, "rate_by_hand": BY_HAND, "rate_of_its_own": OF_ITS_OWN,
    "rate_restarts": RESTARTS, "rate_factors": FACTORS, "rate_told": TOLD,
}  # fmt: skip
