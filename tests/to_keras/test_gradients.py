"""Gradients that a script takes by itself: what becomes a tape, and what must stay."""

from __future__ import annotations

from textwrap import dedent

from transpile import torch2keras


def converted(text: str) -> tuple[str, list[tuple[str, int]]]:
    result = torch2keras(dedent(text))
    return result.code, [(d.code, d.span.line) for d in result.diagnostics if d.level == "error"]


def test_a_tensor_by_name_becomes_a_variable() -> None:
    text = """\
    import torch

    w = torch.tensor([1.0], requires_grad=True)
    for x, y in [(1.0, 2.0), (2.0, 4.0)]:
        loss = (w * x - y) ** 2
        loss.backward()
        w.data -= 0.1 * w.grad
        w.grad.zero_()
    """
    expected = """\
    import keras
    import tensorflow as tf

    w = keras.Variable([1.0])
    for x, y in [(1.0, 2.0), (2.0, 4.0)]:
        with tf.GradientTape() as tape:
            loss = (w * x - y) ** 2
        w_grad = tape.gradient(loss, w)
        w.assign_sub(0.1 * w_grad)
    """
    assert converted(text) == (dedent(expected), [])


def test_a_function_that_gets_the_weights_gets_their_gradients() -> None:
    text = """\
    import torch
    from torch import nn


    def update(parameters, lr):
        for param in parameters:
            param.data = param.data - lr * param.grad.data


    model = nn.Linear(3, 2)
    loss = model(torch.ones(4, 3)).mean()
    model.zero_grad()
    loss.backward()
    update(model.parameters(), 0.1)
    """
    code, left = converted(text)
    assert left == []
    assert "def update(parameters, gradients, lr):\n    for param, gradient in zip(parameters, gradients):\n" in code
    assert "update(model.trainable_variables, gradients, 0.1)" in code


def test_gradients_that_are_not_known_where_they_are_read_stay() -> None:
    text = """\
    import torch

    w = torch.ones(3, requires_grad=True)


    def back(x):
        loss = (w * x).sum()
        loss.backward()


    back(torch.ones(3))
    print(w.grad)
    """
    code, left = converted(text)
    assert "    loss.backward()" in code
    assert ("T2K158", 8) in left


def test_gradients_that_are_kept_and_cleared_stay() -> None:
    """What is kept is the tensor that `zero_` clears."""
    text = """\
    import torch

    w = torch.ones(3, requires_grad=True)
    kept = []
    for i in range(2):
        (w ** 2).sum().backward()
        kept.append(w.grad{})
        w.data -= 0.1 * w.grad
        w.grad{}
    """
    assert ("T2K158", 6) in converted(dedent(text).format("", ".zero_()"))[1]
    assert converted(dedent(text).format(".clone()", ".zero_()"))[1] == []
    assert converted(dedent(text).format("", " = None"))[1] == []


def test_gradients_of_a_graph_of_gradients_stay() -> None:
    text = """\
    import torch

    x = torch.ones(3, requires_grad=True)
    y = (x ** 3).sum()
    y.backward(create_graph=True)
    print(x.grad)
    """
    assert ("T2K158", 5) in converted(text)[1]


def test_sums_over_a_dimension_of_weights_stay() -> None:
    """Kernels lie the other way round in Keras, so the sums would be others."""
    text = """\
    import torch
    from torch import nn

    model = nn.Linear(3, 2)
    model(torch.ones(4, 3))
    for param in model.parameters():
        print(param.{})
    """
    for kept in ("sum(0)", "pow(2).sum(dim=0)", "view(-1)", "shape", "norm(2, dim=1)"):
        code, left = converted(dedent(text).format(kept))
        assert "in model.parameters():" in code
        assert ("T2K155", 6) in left
    for plain in ("sum()", "pow(2).sum().item()", "data.abs().max()", "norm(2)"):
        code, left = converted(dedent(text).format(plain))
        assert "in model.trainable_variables:" in code
        assert left == []


def test_a_tensor_whose_gradient_nobody_asks_for_stays_a_tensor() -> None:
    text = """\
    import torch

    x = torch.ones(3, requires_grad=True)
    print((x * 2).sum())
    """
    code, left = converted(text)
    assert "x = ops.ones((3,))\n" in code
    assert left == []


def test_a_list_of_tensors_that_come_from_elsewhere_stays() -> None:
    text = """\
    import torch
    from torch import nn
    from moments import moments

    model = nn.Linear(3, 2)
    loss = model(torch.ones(4, 3)).mean()
    model.zero_grad()
    loss.backward()
    for param, v in zip(model.parameters(), moments):
        v[:] = 0.9 * v + param.grad.data
        param.data = param.data - v
    """
    assert ("T2K103", 10) in converted(text)[1]


def test_a_comment_before_a_shifted_line_keeps_it_in_its_block() -> None:
    text = """\
    import torch

    x = torch.ones(3, requires_grad=True)
    y = x ** 2
    print(y.grad_fn)
    z = y.mean()
    z.backward()
    print(x.grad)
    """
    code, left = converted(text)
    assert left == [("T2K103", 5)]
    assert "    # T2K103: y.grad_fn has no counterpart here\n    print(y.grad_fn)\n    z = ops.mean(y)\n" in code


def test_a_file_of_something_else_than_a_checkpoint_stays() -> None:
    text = """\
    import torch
    from torch import nn

    model = nn.Linear(3, 2)
    data = torch.load("data.pt")
    torch.save(data, "copy.pt")
    print(len(data))
    """
    code, left = converted(text)
    assert 'data = torch.load("data.pt")\ntorch.save(data, "copy.pt")' not in code  # under comments
    assert left == [("T2K100", 5), ("T2K100", 6)]


def test_states_that_are_not_saved_at_once_stay() -> None:
    """PyTorch's dict would see the steps that follow."""
    text = """\
    import torch
    from torch import nn

    model = nn.Linear(3, 2)
    state = {"net": model.state_dict()}
    {}
    torch.save(state, "checkpoint.pt")
    """
    for between in ("for i in range(3):\n    print(i)", "print(state)"):
        assert ("T2K155", 5) in converted(dedent(text).replace("{}", between))[1]
    code, left = converted(dedent(text).replace("{}", "path = 'a'"))
    assert "pickle.dump(state, file)" in code
    assert left == []


def test_what_else_a_scaler_is_asked_stays() -> None:
    text = """\
    import torch
    from torch import nn, optim

    model = nn.Linear(3, 2)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.cuda.amp.GradScaler()
    with torch.autocast("cuda"):
        loss = model(torch.ones(4, 3)).mean()
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    print(scaler.get_scale())
    """
    code, left = converted(text)
    assert left == [("T2K155", 13)]
    assert "    loss = ops.mean(model(ops.ones((4, 3))))\ngradients = tape.gradient(loss" in code
