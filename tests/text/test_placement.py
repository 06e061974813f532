"""Definitions, deletions and comments: where they stand, and the blank lines around them."""

from __future__ import annotations

import textwrap

from transpile.backends.torch_file import finish
from transpile.interpret.interpreter import Interpreter
from transpile.source import Source
from transpile.splice import Output

PROGRAM = textwrap.dedent(
    '''\
    """Doc."""
    import keras
    from keras import layers

    n = 3

    # build it
    model = keras.Sequential([layers.Dense(n)])
    model.add(layers.Dense(4))  # the second

    model.summary()
    '''
)


def converted(program: str, *edits: tuple[str, str], define: tuple[str, str, str] = ("", "", "")) -> str:
    """The last step after edits (old text, new text) and a definition (name, before, text)."""
    source, output = Source(program), Output()
    interpreter = Interpreter(source)
    for old, new in edits:
        start = program.encode().index(old.encode())
        output.edit(source.span_of(start, start + len(old.encode())), new)
    name, before, text = define
    if name:
        output.define(name, program.encode().index(before.encode()), text)
        output.device(program.encode().index(before.encode()))
        output.imports.add("from torch import nn")
    return finish(source, interpreter, output)


def test_class_before_its_statement_and_device_behind_the_imports() -> None:
    text = converted(
        PROGRAM,
        ("keras.Sequential([layers.Dense(n)])", "Net().to(device)"),
        ("model.add(layers.Dense(4))", ""),
        ("model.summary()", "print(model)"),
        define=("Net", "model = ", "class Net(nn.Module):\n    pass\n"),
    )
    assert text == textwrap.dedent(
        '''\
        """Doc."""
        import torch
        from torch import nn

        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

        n = 3


        class Net(nn.Module):
            pass


        # build it
        model = Net().to(device)

        print(model)
        '''
    )


def test_a_block_that_becomes_empty_keeps_a_pass() -> None:
    program = "import keras\n\n\ndef f(model):\n    model.add(1)\n    model.add(2)\n\n\nf(1)\n"
    text = converted(program, ("model.add(1)", ""), ("model.add(2)", ""))
    assert text == "def f(model):\n    pass\n\n\nf(1)\n"


def test_edit_that_becomes_a_class() -> None:
    program = "import keras\n\nx = 1\ndef block(x):\n    return x\ny = 2\n"
    text = converted(program, ("def block(x):\n    return x", "class Block:\n    pass"))
    assert text == "x = 1\n\n\nclass Block:\n    pass\n\n\ny = 2\n"


def test_deleted_lines_leave_the_larger_gap() -> None:
    program = "import keras\nx = 1\n\nm.a()\n\n\ny = 2\nm.b(); z = 3\nw = 4; m.c()\n"
    text = converted(program, ("m.a()", ""), ("m.b()", ""), ("m.c()", ""))
    assert text == "x = 1\n\n\ny = 2\nz = 3\nw = 4\n"


def test_calls_of_keras_inside_the_text_of_an_edit() -> None:
    program = "from keras.utils import to_categorical\n\ny = [1]\nm.fit(x, to_categorical(y, 3))\n"
    text = converted(program, ("m.fit(x, to_categorical(y, 3))", "train(x, to_categorical(y, 3))"))
    assert "from keras" not in text
    assert "def to_categorical(x" in text
    text = converted(
        "import keras\n\nm.fit(keras.utils.feature_space('a'))\n",
        ("m.fit(keras.utils.feature_space('a'))", "train(keras.utils.feature_space('a'))"),
    )
    assert text == (
        "import keras\n\n# K2T132: keras.utils.feature_space was left: no counterpart is known\n"
        "train(keras.utils.feature_space('a'))\n"
    )


def test_a_name_of_the_program_that_is_usually_an_import() -> None:
    program = "import keras\n\nnn = 3\nm = keras.Model(nn)\n"
    text = converted(
        program,
        ("keras.Model(nn)", "Net(nn)"),
        define=("Net", "m = ", "class Net(nn.Module):\n    pass\n"),
    )
    assert "from torch import nn as torch_nn\n" in text
    assert "class Net(torch_nn.Module):" in text
    assert "m = Net(nn)\n" in text


def test_the_gap_of_a_deleted_function_goes_with_it() -> None:
    program = "import keras\nx = 1\n\n\ndef f():\n    pass\n\n\ny = 2\n\n\nclass A:\n    pass\n"
    text = converted(program, ("def f():\n    pass", ""))
    assert text == "x = 1\n\ny = 2\n\n\nclass A:\n    pass\n"
