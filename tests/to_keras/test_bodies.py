"""Module classes and their bodies: what is converted computes the same, what is not is said."""

from __future__ import annotations

import re

import pytest

from tests.to_keras.bodies import HEAD, PROGRAMS
from tests.to_keras.chosen import CHOSEN
from tests.to_keras.initial import INITIAL, SAID, SAID_OF_OBJECTS
from tests.to_keras.models import MODELS, SHARED
from tests.to_keras.resized import RESIZED
from transpile import torch2keras
from transpile.verify import Session


@pytest.mark.parametrize("name", [*PROGRAMS, *MODELS, *INITIAL, *CHOSEN, *RESIZED])
def test_the_same_is_computed(session: Session, name: str) -> None:
    source = HEAD + (PROGRAMS | MODELS | INITIAL | CHOSEN | RESIZED)[name]
    result = torch2keras(source)
    left = [f"{d.code} line {d.span.line}: {d.message}" for d in result.diagnostics if d.level != "note"]
    assert not left
    assert not re.search(r"(?<![\w.])nn\.", result.code)
    report = session.verify(result.code, source, result.models, reference="torch", levels=(1, 2, 4), smoke=False)
    print(result.code)
    print(report.as_table())
    assert report.ok
    assert not report.problem


def test_a_model_that_would_be_called_twice_stays() -> None:
    source = (
        HEAD + "model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))\nout = model(torch.ones(2, 3)).flatten(1)\n"
    )
    result = torch2keras(source)
    assert "T2K103" in [d.code for d in result.diagnostics]


def body_of(source: str) -> str:
    """The converted text behind the helpers."""
    return torch2keras(HEAD + source).code


def test_convolutions_run_channels_last_without_transposes_between() -> None:
    code = body_of("""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 4, 3)
        self.b = nn.Conv2d(4, 4, 3)
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x):
        y = F.relu(self.bn(self.a(x)))
        return torch.cat([y[:, :, 1:-1, 1:-1], self.b(y)], 1).mean((2, 3))
""")
    assert code.count("ops.transpose(x, (0, 2, 3, 1))") == 1
    assert "axis=(1, 2)" in code


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("return torch.fft.fft(x)", "fft.fft"),
        ("return x.unknown_method()", "unknown_method"),
        *SHARED.items(),
        ("body = nn.Sequential(nn.ReLU(), nn.Tanh()); body[1] = nn.ReLU(); return body(x)", "part of an nn.Sequential"),
        ("table = nn.Embedding.from_pretrained(x, freeze=False, padding_idx=0); return table(x)", "padding_idx"),
        ("return self.pool(x)", "FractionalMaxPool2d"),
        ("pad = nn.Conv2d(1, 1, 3, padding='same', padding_mode='circular'); return pad(x)", "padding_mode"),
        ("return x.sort(descending=True)[0]", "descending"),
    ],
)
def test_what_has_no_counterpart_is_left_and_said(statement: str, message: str) -> None:
    pool = "self.pool = nn.FractionalMaxPool2d(3, 0.5)" if "pool" in statement else "pass"
    source = f"{HEAD}class Model(nn.Module):\n    def __init__(self):\n        super().__init__()\n        {pool}\n\n    def forward(self, x):\n        {statement}\n"
    result = torch2keras(source)
    assert result.exit_status == 1
    assert any("T2K1" in d.code for d in result.diagnostics)
    assert any(message in d.message for d in result.diagnostics), [d.message for d in result.diagnostics]
    assert "class Model(nn.Module):" in result.code


def test_constants_of_numpy_call_only_what_it_has() -> None:
    """A maker that assigns to parts is computed with numpy; `np.softmax` would be an error in the converted file."""
    source = f"""{HEAD}
def table(count):
    rows = torch.zeros(count, 4)
    rows[:, 0::2] = torch.ones(count, 2)
    return torch.softmax(rows, dim=1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.places = nn.Embedding.from_pretrained(table(6))

    def forward(self, x):
        return self.places(x)
"""
    result = torch2keras(source)
    assert any("a constant that is computed with softmax" in d.message for d in result.diagnostics)
    assert "np.softmax" not in result.code
    plain = torch2keras(source.replace("torch.softmax(rows, dim=1)", "torch.FloatTensor(rows)"))
    assert not [d for d in plain.diagnostics if d.level != "note"]


def test_a_class_that_uses_a_left_one_is_left() -> None:
    code = body_of("""
class Part(nn.Module):
    def forward(self, x):
        return torch.fft.fft(x)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = Part()

    def forward(self, x):
        return self.part(x)
""")
    assert "class Model(nn.Module):" in code
    assert "import keras" not in code


def test_initial_values_become_initialisers() -> None:
    code = body_of("""
def weights_init(m):
    classname = m.__class__.__name__
    if classname.find("Conv") != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)
    elif classname.find("BatchNorm") != -1:
        nn.init.normal_(m.weight.data, 1.0, 0.02)
        nn.init.constant_(m.bias.data, 0)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.bn = nn.BatchNorm2d(2)
        self.fc = nn.Linear(2, 2)
        nn.init.xavier_uniform_(self.fc.weight)
        self.fc.bias.data.zero_()

    def forward(self, x):
        return self.fc(self.bn(self.conv(x)).mean((2, 3)))


model = Model()
model.apply(weights_init)
""")
    assert "weights_init" not in code
    assert "nn.init" not in code
    code = "".join(code.split())
    assert "kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),**bias_uniform(3*3)" in code
    assert "gamma_initializer=keras.initializers.RandomNormal(mean=1.0,stddev=0.02)" in code
    assert 'layers.Dense(2,kernel_initializer="glorot_uniform")' in code


CASES = """
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight.detach())
                if m.bias is not None:
                    m.bias.detach().zero_()
            elif isinstance(m, (nn.Conv2d, nn.Linear)):
                m.weight.detach().normal_(0, 0.05)
"""
NAMES = """
        for m in self.modules():
            if m.__class__.__name__.find("Conv") OP:
                nn.init.normal(m.weight, 0.0, 0.02)
"""


@pytest.mark.parametrize(
    ("loop", "conv", "dense", "said"),
    [
        (CASES, "VarianceScaling(2.0", "stddev=0.05", False),
        (NAMES.replace("OP", "!= -1"), "stddev=0.02", "fan_in_uniform", False),
        (NAMES.replace("OP", "== 0"), "stddev=0.02", "fan_in_uniform", False),
        (NAMES.replace("OP", "== -1"), "fan_in_uniform", "fan_in_uniform", True),
        (CASES.replace("elif", "if"), "stddev=0.05", "stddev=0.05", False),
        (CASES.replace("if isinstance(m, nn.Conv2d)", "if m.training"), "fan_in_uniform", "fan_in_uniform", True),
    ],
)  # fmt: skip
def test_a_loop_over_modules_sets_those_that_its_test_chooses(loop: str, conv: str, dense: str, said: bool) -> None:
    result = torch2keras(f"""{HEAD}
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.fc = nn.Linear(2, 2)
{loop}
    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3)))
""")
    code = "".join(result.code.split())
    first, _, second = code.partition("self.conv=")[2].partition("self.fc=")
    assert conv in first
    assert dense in second.partition("defcall")[0]
    assert [d.code for d in result.diagnostics if d.level != "note"] == (["T2K204"] if said else [])


@pytest.mark.parametrize(
    ("body", "warned"),
    [
        ("y = x\n        x += 1\n        return x + y", True),
        ("y = self.act(x)\n        return x + y", False),  # both names get the new value
        ("z = x\n        y = self.act(x)\n        return x + y + z", True),
        ("y = x\n        x += 1\n        return x", False),
        ("x = self.act(x)\n        return x + 1", False),
        ("y = x\n        x = self.act(self.drop(x))\n        return x + y", True),  # of inference
        ("a, b = self.drop(x), self.act(x)\n        return a + b", True),
        ("y = x\n        x = self.act(self.drop(x * 2))\n        return x + y", False),
    ],
)
def test_a_change_in_place_that_another_name_sees_is_said(body: str, warned: bool) -> None:
    source = f"""{HEAD}class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        {body}
"""
    assert any(d.code == "T2K203" for d in torch2keras(source).diagnostics) == warned


@pytest.mark.parametrize(("statements", "message"), SAID.items())
def test_initial_values_that_are_not_converted_are_said(statements: str, message: str) -> None:
    source = f"""{HEAD}class Model(nn.Module):
    def __init__(self):
        super().__init__()
        {statements}

    def forward(self, x):
        return x + 1
"""
    said = [d.message for d in torch2keras(source).diagnostics if d.code == "T2K204"]
    assert (any(message in m for m in said) and bool(said)) == bool(message)


@pytest.mark.parametrize(("script", "message"), SAID_OF_OBJECTS.items())
def test_initial_values_of_some_objects_of_a_class_are_said(script: str, message: str) -> None:
    source = f"""{HEAD}class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 4)

    def forward(self, x):
        return self.fc(x)


def ones(m):
    if isinstance(m, nn.Linear):
        nn.init.ones_(m.weight)


def zeros(m):
    if isinstance(m, nn.Linear):
        nn.init.zeros_(m.weight)


{script}
"""
    said = [d.message for d in torch2keras(source).diagnostics if d.code == "T2K204"]
    assert (any(message in m for m in said) and bool(said)) == bool(message)


@pytest.mark.parametrize(
    ("parameter", "call", "message"),
    [
        ("start=None", "Model(start=0)", "if start is not None"),
        ("start=True", "Model()", ""),
        ("start=True", "Model(start=False)", "if start"),
        ("start=False", "Model()", "if start"),
    ],
)
def test_initial_values_that_a_parameter_decides_are_said(parameter: str, call: str, message: str) -> None:
    test = "start is not None" if parameter.endswith("None") else "start"
    source = f"""{HEAD}class Model(nn.Module):
    def __init__(self, {parameter}):
        super().__init__()
        self.fc = nn.Linear(3, 4)
        if {test}:
            self.reset()

    def reset(self):
        for m in self.modules():
            if isinstance(m, nn.Linear):
                nn.init.zeros_(m.weight)

    def forward(self, x):
        return self.fc(x)


model = {call}
"""
    said = [d.message for d in torch2keras(source).diagnostics if d.code == "T2K204"]
    assert (any(message in m for m in said) and bool(said)) == bool(message)


def test_matrices_count_their_axes_the_other_way_round() -> None:
    code = body_of("""
class Model(nn.Module):
    def __init__(self, rows, columns):
        super().__init__()
        self.w = nn.Parameter(torch.empty(rows, columns))
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.kaiming_uniform_(self.w, a=math.sqrt(5))

    def forward(self, x):
        return x @ self.w
""")
    assert 'VarianceScaling(0.333333333333,"fan_out","uniform")' in "".join(code.split())
    assert "reset_parameters" not in code


def test_what_takes_images_channels_last_gives_them_so() -> None:
    """Otherwise the blocks of a Sequential would not fit each other."""
    code = body_of("""
class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.conv = nn.Conv2d(d, d, 3, padding=1)

    def forward(self, x):
        return self.conv(x).transpose(2, 3).contiguous()


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(*[Block(4) for _ in range(2)])

    def forward(self, x):
        return self.blocks(x)
""")
    assert "(0,2,3,1),)" in "".join(code.partition("class Model")[0].split())
