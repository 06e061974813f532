"""Training programs for test_numbers: trainers in classes, loops over several networks, ..."""

from __future__ import annotations

from textwrap import dedent

TRAINER = dedent("""\
    class Trainer:
        def __init__(self, model, loader, lr=0.1):
            self.model = model
            self.loader = loader
            self.criterion = nn.CrossEntropyLoss()
            self.optimizer = optim.SGD(self.model.parameters(), lr=lr)
            self.history = []

        def log(self, value):
            self.history.append(value)

        def train(self, epochs):
            for epoch in range(epochs):
                self.model.train()
                total = 0.0
                for data, target in self.loader:
                    self.optimizer.zero_grad()
                    output = self.model(data)
                    loss = self.criterion(output, target)
                    loss.backward()
                    self.optimizer.step()
                    total += loss.item()
                self.log(total / len(self.loader))
                print(epoch, self.history[-1], self.evaluate())

        def evaluate(self):
            self.model.eval()
            total, correct = 0.0, 0
            with torch.no_grad():
                for data, target in self.loader:
                    output = self.model(data)
                    total += self.criterion(output, target).item()
                    correct += (output.argmax(dim=1) == target).sum().item()
            return total / len(self.loader), correct


    loader = DataLoader(TensorDataset(x, ids), batch_size=8)
    trainer = Trainer(Net(3, 5, 4), loader)
    trainer.train(3)
    """)

HANDED = dedent("""\
    class Fitter:
        def __init__(self, net, optimizer, loss):
            self.network, self.opt = net, optimizer
            self.loss = loss

        def reset(self):
            self.opt.zero_grad()

        def loss_of(self, data, target):
            return self.loss(self.network(data), target)

        def step(self, data, target):
            self.reset()
            value = self.loss_of(data, target)
            value.backward()
            self.opt.step()
            return value.item()


    model = Net(3, 5, 4)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    fitter = Fitter(model, optimizer, nn.CrossEntropyLoss())
    for epoch in range(4):
        print(epoch, fitter.step(x, ids))
    """)

TARGET = dedent("""\
    torch.use_deterministic_algorithms(True)


    class Agent:
        def __init__(self, online, target):
            self.online, self.target = online, target
            self.optimizer = optim.SGD(self.online.parameters(), lr=0.1)
            self.loss_func = nn.MSELoss()
            self.steps = 0

        def learn(self, states, chosen):
            if self.steps % 3 == 0:
                self.target.load_state_dict(self.online.state_dict())
            self.steps += 1
            values = self.online.forward(states).gather(1, chosen)
            following = self.target(states).detach()
            wanted = 1.0 + 0.9 * following.max(1)[0].view(24, 1)
            loss = self.loss_func(values, wanted)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            return loss.item()


    agent = Agent(Net(3, 5, 4), Net(3, 5, 4))
    for step in range(7):
        print(step, agent.learn(x, ids.view(24, 1)))
    """)

LOOPS = {"trainer_class": TRAINER, "handed_to_a_class": HANDED, "target_network": TARGET}
WARNINGS = {"target_network": {"T2K222"}}
