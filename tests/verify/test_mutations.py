"""Plausible wrong translations: each is caught, and at the level where it belongs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from transpile.verify import Session

from .pairs import DIGITS, LENET, LINEAR, RESNET, REVIEWS, TABLE, Example


@dataclass(frozen=True)
class Mutation:
    """A piece of the PyTorch program replaced, and the first level that must fail."""

    name: str
    example: Example
    old: str
    new: str
    level: int
    says: str = ""

    def torch(self) -> str:
        """The broken program."""
        text = self.example.torch
        assert text.count(self.old) >= 1, self.old
        return text.replace(self.old, self.new)


MUTATIONS = (
    Mutation("batch-norm-epsilon", DIGITS, "eps=1e-3, ", "", 2, "batch_normalization"),
    Mutation("batch-norm-momentum", DIGITS, "momentum=0.01", "momentum=0.1", 2, "running_"),
    Mutation("batch-norm-unbiased", DIGITS, "= BatchNorm2d", "= nn.BatchNorm2d", 2, "running_var"),
    Mutation(
        "padding-side",
        RESNET,
        "total // 2, total - total // 2",
        "total - total // 2, total // 2",
        2,
    ),
    Mutation("symmetric-padding", RESNET, "pad_same(x, 3, self.strides)", "F.pad(x, [1, 1, 1, 1])", 2),
    Mutation("missing-softmax", RESNET, ".softmax(dim=-1)", "", 2),
    Mutation("double-softmax", DIGITS, "return self.dense(x)", "return self.dense(x).softmax(-1)", 2),
    Mutation("lstm-bias-trained", REVIEWS, ".requires_grad_(False)", "", 1, "trainable"),
    Mutation("bias-dropped", REVIEWS, "nn.Linear(4, 1)", "nn.Linear(4, 1, bias=False)", 1, "bias"),
    Mutation(
        "does-not-build",
        DIGITS,
        "nn.Linear(3136, num_classes)",
        "nn.Linear(3136, num_classes, bias=False)",
        1,
        "torch.py:52: AttributeError",
    ),
    Mutation("stride", DIGITS, "64, 3, stride=2, padding=1", "64, 3, stride=1, padding=1", 2),
    Mutation(
        "wrong-activation",
        DIGITS,
        "F.relu(self.conv2d_1(x))",
        "F.elu(self.conv2d_1(x))",
        2,
        "conv2d_1",
    ),
    Mutation("learning-rate", DIGITS, "lr=1e-3", "lr=1e-2", 5),
    Mutation("betas", DIGITS, "eps=1e-7)", "eps=1e-7, betas=(0.9, 0.99))", 5),
    Mutation("epsilon", DIGITS, "eps=1e-7)", "eps=1e-8)", 5, "epsilon"),
    Mutation("alpha", REVIEWS, "alpha=0.9", "alpha=0.99", 5),
    Mutation("no-zero-grad", DIGITS, "                optimizer.zero_grad()\n", "", 5),
    Mutation("no-zero-grad-in-line", LINEAR, "        optimizer.zero_grad()\n", "", 5),
    Mutation("no-step-in-line", LINEAR, "        optimizer.step()\n", "", 5),
    Mutation("eval-forgotten", DIGITS, "model.train(optimizer is not None)", "model.train()", 3, "eval"),
    Mutation("train-forgotten", DIGITS, "model.train(optimizer is not None)", "model.eval()", 3),
    Mutation("dropout-in-inference", DIGITS, "self.dropout(x)", "F.dropout(x, 0.5)", 2),
    Mutation("dropout-dropped", DIGITS, "        x = self.dropout(x)\n", "", 2),
    Mutation("dropout-rate", REVIEWS, "nn.Dropout(0.3)", "nn.Dropout(0.7)", 2),
    Mutation("flatten-order", DIGITS, "x.permute(0, 2, 3, 1).flatten(1)", "x.flatten(1)", 2),
    Mutation("loss-sum", DIGITS, "nn.CrossEntropyLoss()", "nn.CrossEntropyLoss(reduction='sum')", 3),
    Mutation("momentum", LENET, "momentum=0.9", "momentum=0.8", 5),
    Mutation("last-step", REVIEWS, "self.dense(x[:, -1])", "self.dense(x[:, 0])", 2),
    Mutation("reported-loss", DIGITS, "loss.item() * len(x)", "loss.item()", 3, "reports"),
    Mutation(
        "gradient-clipped-away",
        DIGITS,
        "                optimizer.step()\n",
        "                nn.utils.clip_grad_norm_(model.parameters(), 1e-3)\n                optimizer.step()\n",
        5,
    ),
    Mutation(
        "frozen",
        TABLE,
        "model = Model()",
        "model = Model()\nmodel.norm.weight.requires_grad_(False)\nmodel",
        1,
        "Keras 399, PyTorch 387",
    ),
    Mutation("softmax-axis", TABLE, "F.softmax(h, dim=1)", "F.softmax(h, dim=2)", 2, "pairs"),
    Mutation(
        "gelu-by-tanh",
        TABLE,
        "F.gelu(self.pairs(F.pad(h, (1, 0))))",
        "F.gelu(self.pairs(F.pad(h, (1, 0))), approximate='tanh')",
        2,
        "pairs",
    ),
    Mutation("causal-padding-side", TABLE, "F.pad(h, (1, 0))", "F.pad(h, (0, 1))", 2, "pairs"),
    Mutation("order-of-operands", TABLE, "h = h - side", "h = side - h", 2, "pairs"),
    Mutation("layer-norm-epsilon", TABLE, ", eps=0.001)", ")", 2, "norm"),
    Mutation("mean-for-max", TABLE, "h.amax(dim=2)", "h.mean(dim=2)", 2, "classes"),
    Mutation("offset-of-a-stride", TABLE, "F.pad(h, (1, 0))", "F.pad(h, (1, 0))[..., 1:]", 2, "pairs"),
    Mutation("label-smoothing", TABLE, "label_smoothing=0.1", "", 3),
    Mutation("penalty-left-out", TABLE, " + model.regularization_loss()", "", 3),
    Mutation("penalty-halved", TABLE, "0.01 * self.square", "0.005 * self.square", 3),
    Mutation("loss-of-probabilities", TABLE, "criterion(output, y)", "criterion(output.softmax(-1), y)", 3),
    Mutation("inputs-shuffled-against-targets", TABLE, "output = model(x)", "output = model(x.flip(0))", 3),
    Mutation("gradient-detached", TABLE, "torch.tanh(self.side(h))", "torch.tanh(self.side(h)).detach()", 4, "side"),
    Mutation("weight-decay-left-out", TABLE, ", weight_decay=0.1", ", weight_decay=0.0", 5),
    Mutation("weight-decay-in-the-gradient", TABLE, "torch.optim.AdamW", "torch.optim.Adam", 5),
    Mutation(
        "clipped-together",
        TABLE,
        """                for parameter in model.parameters():  # each on its own
                    if parameter.grad is not None:
                        norm = parameter.grad.norm()
                        parameter.grad *= 0.5 / norm.clamp(min=0.5)
""",
        "                nn.utils.clip_grad_norm_(model.parameters(), 0.5)\n",
        5,
    ),
    Mutation("clip-larger", TABLE, "0.5 / norm.clamp(min=0.5)", "5.0 / norm.clamp(min=5.0)", 5),
    Mutation(
        "gradients-cleared-before-the-step",
        TABLE,
        "                optimizer.step()",
        "                optimizer.zero_grad()\n                optimizer.step()",
        5,
    ),
)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_mutation_is_caught(session: Session, mutation: Mutation) -> None:
    example = mutation.example
    report = session.verify(example.keras, mutation.torch(), [example.pair], smoke=False, steps=4)
    print(report.as_table())
    assert not report.ok
    assert not report.problem
    assert report.failed_levels[0] == mutation.level
    assert mutation.says in " ".join(r.reason for r in report.rows if r.verdict == "FAILED")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("nn.init.xavier_uniform_(", "nn.init.normal_(", "square.weight: Keras starts with mean"),
        ("            nn.init.zeros_(layer.bias)\n", "", "square.bias: Keras starts with 0 everywhere"),
        ("(2 / self", "(20 / self", "side.weight: Keras starts with mean"),
    ],
)
def test_another_initialiser_is_said(session: Session, old: str, new: str, says: str) -> None:
    mutation = Mutation("initialiser", TABLE, old, new, 1)
    report = session.verify(TABLE.keras, mutation.torch(), [TABLE.pair], smoke=False, levels=(1, 2))
    row = report.rows[2]
    assert row.title == "initial values, by their distribution"
    assert (row.verdict, row.reason.startswith(says)) == ("advisory", True)
    assert report.ok


def test_transposed_weight_is_caught(session: Session) -> None:
    """A square kernel that was copied as it is."""
    layers = list(TABLE.pair.layers)
    layers[2] = replace(layers[2], weights=("kernel: i o -> weight: i o", "bias: o -> bias: o"))
    report = session.verify(TABLE.keras, TABLE.torch, [replace(TABLE.pair, layers=tuple(layers))], smoke=False)
    assert report.failed_levels[0] == 2
    assert "the first layer that differs is side" in report.as_table()


def test_gate_order_is_caught(session: Session) -> None:
    """A GRU's gates are z, r, h in Keras and r, z, n in PyTorch."""
    lines = tuple(w.replace("(r+z+n)", "(z+r+n)") for w in REVIEWS.pair.layers[2].weights)
    layers = list(REVIEWS.pair.layers)
    layers[2] = replace(layers[2], weights=lines)
    pair = replace(REVIEWS.pair, layers=tuple(layers))
    report = session.verify(REVIEWS.keras, REVIEWS.torch, [pair], smoke=False)
    assert report.failed_levels[0] == 2
