"""Module classes whose parts are chosen: by dicts, parameters, names of the module, branches."""

from __future__ import annotations

CHOSEN = {
    "classes_of_a_dict": """
ACTIVATIONS = {"relu": nn.ReLU, "leaky": nn.LeakyReLU, "gelu": nn.Softplus}
FUNCTIONS = {"relu": F.relu, "tanh": torch.tanh, "cut": lambda x: x.clamp(0, 1)}
NORM = nn.BatchNorm2d


class Model(nn.Module):
    def __init__(self, act="leaky", name="tanh"):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = NORM(4)
        self.act = ACTIVATIONS[act]()
        self.function = FUNCTIONS[name]
        self.last = {"relu": nn.ReLU(), "tanh": nn.Tanh()}[name]
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        x = self.last(self.function(self.act(self.norm(self.conv(x)))))
        return self.fc(x.mean([2, 3]))
""",
    "classes_by_parameters": """
class Block(nn.Module):
    def __init__(self, inputs, outputs, norm_layer=nn.BatchNorm2d, activation=F.relu, act_layer=nn.ReLU):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = norm_layer(outputs)
        self.activation = activation
        self.act = act_layer(inplace=True)

    def forward(self, x):
        return self.activation(self.act(self.norm(self.conv(x))))


class Model(nn.Module):
    def __init__(self, norm_layer=None, activation=None):
        super().__init__()
        if norm_layer is None:
            norm_layer = nn.BatchNorm2d
        self.first = Block(3, 4, nn.InstanceNorm2d, torch.tanh, nn.ELU)
        self.second = Block(4, 5, norm_layer=norm_layer, activation=activation or F.softplus)
        self.third = Block(5, 6)
        self.norm = norm_layer(6)

    def forward(self, x):
        return self.norm(self.third(self.second(self.first(x))))
""",
    "classes_by_branches": """
from functools import partial


class Model(nn.Module):
    def __init__(self, norm="instance", sizes=(4, 6, 3), activation=nn.Tanh, output_activation=nn.Identity):
        super().__init__()
        if norm == "layer":
            norm_layer = nn.LayerNorm
        elif norm == "instance":
            norm_layer = partial(nn.LayerNorm, eps=1e-3)
        else:
            norm_layer = nn.Identity
        layers = []
        for j in range(len(sizes) - 1):
            act = activation if j < len(sizes) - 2 else output_activation
            layers += [nn.Linear(sizes[j], sizes[j + 1]), act()]
        self.net = nn.Sequential(*layers)
        self.norm = norm_layer(sizes[-1])
        self.tail = nn.Sequential()
        self.tail.add_module("fc", nn.Linear(3, 2))
        self.tail.add_module("relu", nn.ReLU())
        self.rest = nn.Sequential()
        for i in range(2):
            self.rest.add_module(f"fc{i}", nn.Linear(2, 2))

    def forward(self, x):
        return self.rest(self.tail(self.norm(self.net(x))))
""",
    "lists_of_weights": """
class Model(nn.Module):
    flag: torch.jit.Final[bool]

    def __init__(self):
        super().__init__()
        self.flag = True
        self.fc = nn.Linear(4, 4)
        self.weights = nn.ParameterList([nn.Parameter(torch.ones(4)) for _ in range(2)])
        self.register_buffer("order", torch.tensor([2, 0, 1, 3]))

    @torch.jit.ignore
    def names(self):
        return {"a"}

    def forward(self, x):
        if torch.jit.is_scripting():
            return x
        a, b = torch.meshgrid([torch.arange(3), torch.arange(2)], indexing="ij")
        y = self.fc(x)[:, self.order]
        for w in self.weights:
            y = y * w
        grid = torch.stack(torch.meshgrid(torch.arange(3), torch.arange(2), torch.arange(2), indexing="ij"))
        return y, (a + b).float(), grid.float(), self.weights[0] * 2
""",
    "classes_of_expressions": """
class Model(nn.Module):
    def __init__(self, drop=False, norm="batch", function=torch.softmax):
        super().__init__()
        Drop = nn.Dropout2d if drop else nn.Dropout
        make = {"batch": lambda c: nn.BatchNorm2d(c), "group": lambda c: nn.GroupNorm(2, c)}[norm]
        last = lambda c: nn.BatchNorm2d(c)
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = make(4)
        self.last = last(4)
        self.drop = Drop(0.0)
        self.pool = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}["avg"](2)
        self.function = function

    def forward(self, x):
        y = self.last(self.drop(self.norm(self.conv(x))))
        return self.function(self.pool(y), 1) + self.function(self.pool(y), dim=-1)
""",
}
