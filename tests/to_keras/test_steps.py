"""Steps of training become gradient tapes; what is unclear is left, with a code."""

from __future__ import annotations

from textwrap import dedent

from transpile import torch2keras

HEAD = """\
import torch
from torch import nn, optim

model = nn.Linear(3, 2)
criterion = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.1)
x, y = torch.randn(8, 3), torch.randn(8, 2)
"""


def converted(body: str, head: str = HEAD) -> str:
    """The lines behind the head of the converted program."""
    code = torch2keras(head + dedent(body)).code
    marker = next(line for line in code.splitlines() if line.startswith("x, y ="))
    return code.partition(marker + "\n")[2]


def test_a_step_is_recorded_from_the_model_to_the_loss() -> None:
    body = """\
    for epoch in range(3):
        optimizer.zero_grad()
        z = x * 2
        out = model(z)
        loss = criterion(out, y)
        loss.backward()
        optimizer.step()
        print(loss.item(), out)
    """
    expected = """\
    for epoch in range(3):
        z = x * 2
        with tf.GradientTape() as tape:
            out = model(z)
            loss = criterion(y, out)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        print(float(loss), out)
    """
    assert converted(body) == dedent(expected)


def test_two_losses_of_one_step_are_added() -> None:
    body = """\
    for epoch in range(3):
        model.zero_grad()
        first = criterion(model(x), y)
        first.backward()
        second = criterion(model(-x), y)
        second.backward()
        optimizer.step()
    """
    expected = """\
    for epoch in range(3):
        with tf.GradientTape() as tape:
            first = criterion(y, model(x))
            second = criterion(y, model(-x))
        gradients = tape.gradient([first, second], model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    """
    assert converted(body) == dedent(expected)


def test_gradients_of_several_rounds_are_added_up() -> None:
    body = """\
    for i in range(6):
        loss = criterion(model(x), y) / 2
        loss.backward()
        if (i + 1) % 2 == 0:
            optimizer.step()
            optimizer.zero_grad()
    """
    expected = """\
    gradients = None
    for i in range(6):
        with tf.GradientTape() as tape:
            loss = criterion(y, model(x)) / 2
        new_gradients = tape.gradient(loss, model.trainable_variables)
        gradients = (
            [a + b for a, b in zip(gradients, new_gradients)]
            if gradients
            else new_gradients
        )
        if (i + 1) % 2 == 0:
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))
            gradients = None
    """
    assert converted(body) == dedent(expected)


def test_gradients_that_are_never_cleared_are_left() -> None:
    body = """\
    for epoch in range(3):
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    """
    result = torch2keras(HEAD + dedent(body))
    assert [d.code for d in result.diagnostics if d.level == "error" and d.code == "T2K150"] == ["T2K150"]
    assert "loss.backward()" in result.code


def test_a_closure_is_left() -> None:
    body = """\
    def closure():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    """
    result = torch2keras(HEAD + dedent(body))
    assert "T2K150" in {d.code for d in result.diagnostics}
    assert "optimizer.step(closure)" in result.code


def test_the_mode_follows_train_and_eval_into_functions() -> None:
    head = """\
    import torch
    from torch import nn, optim
    from nets import Net

    net = Net()
    net = nn.DataParallel(net)
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    x, y = torch.randn(8, 3), torch.randn(8, 2)
    """
    body = """\
    def train():
        net.train()
        return net(x)

    def test():
        net.eval()
        with torch.no_grad():
            return net(x)

    train()
    test()
    """
    expected = """\

    def train():
        return net(x, training=True)

    def test():
        return net(x, training=False)

    train()
    test()
    """
    assert converted(body, dedent(head)).strip() == dedent(expected).strip()


def test_what_is_left_of_a_model_has_a_code() -> None:
    body = """\
    state = {"net": model.state_dict(), "optimizer": optimizer.state_dict()}
    print(x.storage(), x.grad)
    """
    result = torch2keras(HEAD + dedent(body))
    assert [d.code for d in result.diagnostics if d.level == "error"] == ["T2K155", "T2K155", "T2K103"]


def test_a_kept_loader_gives_arrays() -> None:
    head = """\
    import torch
    from torch import nn, optim
    from torch.utils.data import DataLoader
    from images import Images

    model = nn.Linear(3, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    loader = DataLoader(Images("train"), batch_size=4)
    x, y = 1, 2
    """
    body = """\
    for images, labels in loader:
        # forward
        loss = nn.functional.mse_loss(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    """
    expected = """\
    for images, labels in loader:
        images, labels = images.numpy(), labels.numpy()
        model.train_on_batch(images, labels)
    """
    assert converted(body, dedent(head)) == dedent(expected)
    result = torch2keras(dedent(head) + dedent(body))
    assert "from torch.utils.data import DataLoader" in result.code
    assert {d.code for d in result.diagnostics} == {"T2K321"}


def test_what_reads_a_variable_that_went_is_reported() -> None:
    body = """\
    Tensor = torch.cuda.FloatTensor if torch.cuda.is_available() else torch.FloatTensor
    for images in unknown():
        real = images.type(Tensor)
    """
    result = torch2keras(HEAD + dedent(body))
    assert [(d.code, d.span.line) for d in result.diagnostics if d.level == "error"] == [("T2K155", 10)]


def test_momentum_under_a_rate_that_is_set_by_hand_is_pytorchs() -> None:
    head = HEAD.replace("lr=0.1", "lr=0.1, momentum=0.9")
    body = """\
    for epoch in range(3):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 / (epoch + 1)
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    """
    code = torch2keras(head + dedent(body)).code
    assert "class SGD(keras.optimizers.SGD):" in code
    assert "optimizer = SGD(learning_rate=0.1, momentum=0.9)" in code
    assert "optimizer.learning_rate = 0.1 / (epoch + 1)" in code


def test_a_scaled_backward_pass_is_not_scaled() -> None:
    body = """\
    scaler = torch.cuda.amp.GradScaler()
    for epoch in range(3):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
    """
    expected = """\
    for epoch in range(3):
        model.train_on_batch(x, y)
    """
    assert converted(body) == dedent(expected)
    assert "T2K330" in [d.code for d in torch2keras(HEAD + dedent(body)).diagnostics]


def test_weights_kept_in_memory() -> None:
    head = HEAD.replace("import torch\n", "import copy\n\nimport torch\n", 1)
    body = """\
    best = None
    for epoch in range(3):
        best = copy.deepcopy(model.state_dict())
    model.load_state_dict(best)
    """
    expected = """\
    best = None
    for epoch in range(3):
        best = model.get_weights()
    model.set_weights(best)
    """
    assert converted(body, head) == dedent(expected)


FUNCTIONS = """\
import torch


def train(model, loader, criterion, optimizer):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        out = model(x)
        loss = criterion(out, y)
        loss.backward()
        optimizer.step()


@torch.no_grad()
def evaluate(model, loader, criterion):
    model.eval()
    return sum(criterion(model(x), y).item() for x, y in loader)
"""


def test_functions_that_another_file_hands_its_loss_and_optimizer() -> None:
    expected = """\
    def train(model, loader, criterion, optimizer):
        for x, y in loader:
            with tf.GradientTape() as tape:
                out = model(x, training=True)
                # T2K223: criterion is made elsewhere: Keras's losses take the target first
                loss = criterion(y, out)
            gradients = tape.gradient(loss, model.trainable_variables)
            # T2K224: optimizer is made elsewhere: here it changes model.trainable_variables
            optimizer.apply_gradients(zip(gradients, model.trainable_variables))


    def evaluate(model, loader, criterion):
        # T2K223: criterion is made elsewhere: Keras's losses take the target first
        return sum(float(criterion(y, model(x, training=False))) for x, y in loader)
    """
    result = torch2keras(FUNCTIONS)
    assert dedent(expected) in result.code
    assert {d.code for d in result.diagnostics} == {"T2K223", "T2K224", "T2K322"}


def test_functions_of_the_file_keep_the_order_of_their_parameters() -> None:
    text = FUNCTIONS + "\n\ndef loss_fn(a, b):\n    return ((a - b) ** 2).mean()\n\n\nprint(loss_fn(1.0, 2.0))\n"
    assert "loss_fn(1.0, 2.0)" in torch2keras(text).code


TRAINER = """\
import torch
from torch import nn, optim
from nets import Net


class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = optim.SGD(model.parameters(), lr=0.1)

    def predict(self, x):
        return self.model(x)

    def validate(self, x):
        self.model.eval()
        return self.forward_all(x)

    def forward_all(self, x):
        return [self.model(part) for part in x]

    def train(self, x, y):
        self.model.train()
        loss = nn.functional.mse_loss(self.model(x), y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


net = Net()
trainer = Trainer(net)
x, y = torch.randn(8, 3), torch.randn(8, 2)
"""


def test_the_mode_follows_through_methods() -> None:
    result = torch2keras(TRAINER + "trainer.train(x, y)\nprint(net(x))\nprint(trainer.validate(x))\nprint(net(x))\n")
    assert "return [self.model(part, training=False) for part in x]" in result.code
    assert "print(net(x, training=True))\nprint(trainer.validate(x))\nprint(net(x, training=False))" in result.code
    assert "zip(gradients, self.model.trainable_variables)" in result.code
    assert "trainer.train(x, y)" in result.code
    assert "T2K220" in {d.code for d in result.diagnostics}  # who calls `predict` is not here


def test_the_mode_of_a_method_by_the_call_from_outside() -> None:
    result = torch2keras(TRAINER + "net.eval()\nprint(trainer.predict(x))\n")
    assert "return self.model(x, training=False)" in result.code
    assert "T2K220" not in {d.code for d in result.diagnostics}


def test_an_object_that_trains_is_no_model() -> None:
    text = "import torch\nfrom agents import Agent\n\ntorch.manual_seed(0)\nagent = Agent()\nagent.train()\n"
    assert "agent.train()" in torch2keras(text).code


def test_classes_of_lightning_are_left_with_a_code() -> None:
    text = """\
    import torch
    import pytorch_lightning as pl
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x):
            return self.layer(x)


    class LitNet(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = Net()

        def training_step(self, batch, batch_idx):
            x, y = batch
            loss = nn.functional.cross_entropy(self.net(x), y)
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters())


    trainer = pl.Trainer(max_epochs=3)
    """
    result = torch2keras(dedent(text))
    assert "class Net(keras.Model):" in result.code
    assert 'self.log("loss", loss)\n' in result.code
    found = [(d.code, d.span.line) for d in result.diagnostics if d.level == "error"]
    assert found == [("T2K157", 15), ("T2K100", 30)]


def test_forward_by_its_name_and_weights_that_are_copied() -> None:
    text = """\
    import torch
    from torch import nn


    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)
            self.drop = nn.Dropout(0.5)

        def forward(self, x):
            return self.drop(self.layer(x))


    class Other(Net):
        pass


    net, copied, other = Net(), Net(), Other()
    net.eval()
    print(net.forward(torch.ones(2, 3)))
    copied.load_state_dict(net.state_dict())
    other.load_state_dict(net.state_dict())
    """
    result = torch2keras(dedent(text))
    assert "print(net(ops.ones((2, 3)), training=False))" in result.code
    assert "copied.set_weights(net.get_weights())" in result.code
    assert "other.load_state_dict(net.state_dict())" in result.code
    assert {d.code for d in result.diagnostics} == {"T2K222", "T2K155"}
