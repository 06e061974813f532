"""Import statements: what goes, what comes, where it stands."""

from __future__ import annotations

import pytest

from transpile import keras2torch
from transpile.backends.blank_lines import settle
from transpile.backends.torch_imports import write_imports

TORCH = ("import torch", "from torch import nn")

CASES = {
    "sorted among third-party imports": (
        """\
        import numpy as np
        from tensorflow import keras
        from tensorflow.keras import layers

        x = np.zeros(3)
        """,
        (*TORCH, "import copy", "from torch.nn import functional as F"),
        """\
        import copy

        import numpy as np
        import torch
        from torch import nn
        from torch.nn import functional as F

        x = np.zeros(3)
        """,
    ),
    "the standard library joins its group": (
        """\
        import os
        import sys

        import keras

        print(os, sys)
        """,
        (*TORCH, "import copy", "from pathlib import Path"),
        """\
        import copy
        import os
        import sys
        from pathlib import Path

        import torch
        from torch import nn

        print(os, sys)
        """,
    ),
    "docstring and __future__ stay in front": (
        '''\
        #!/usr/bin/env python
        # -*- coding: utf-8 -*-
        """What it is."""
        from __future__ import print_function
        import keras
        print(1)
        ''',
        ("import torch",),
        '''\
        #!/usr/bin/env python
        # -*- coding: utf-8 -*-
        """What it is."""
        from __future__ import print_function
        import torch
        print(1)
        ''',
    ),
    "lines of one module are merged, names sorted": (
        "import keras\n",
        (
            "from torch.utils.data import TensorDataset",
            "from torch.utils.data import DataLoader",
            "from torch.utils.data import random_split",
        ),
        "from torch.utils.data import DataLoader, TensorDataset, random_split\n",
    ),
    "what the user imports is not imported again": (
        """\
        import keras
        import numpy as np
        import torch
        from torch.utils.data import DataLoader
        torch, np, DataLoader
        """,
        ("import torch", "import numpy as np", "from torch.utils.data import DataLoader, Dataset"),
        """\
        import numpy as np
        import torch
        from torch.utils.data import DataLoader
        from torch.utils.data import Dataset
        torch, np, DataLoader
        """,
    ),
    "names still used keep their part of a statement": (
        """\
        from keras.layers import (Dense, Hashing,
                                  Flatten)
        layer = Hashing(3)
        """,
        (),
        """\
        from keras.layers import Hashing
        layer = Hashing(3)
        """,
    ),
    "try and except go as a whole": (
        """\
        try:
            from tensorflow import keras
        except ImportError:
            import keras

        x = 1
        """,
        ("import torch",),
        """\
        import torch

        x = 1
        """,
    ),
    "a used name keeps both branches": (
        """\
        try:
            from tensorflow import keras
        except ImportError:
            import keras
        keras.something()
        """,
        (),
        """\
        try:
            from tensorflow import keras
        except ImportError:
            import keras
        keras.something()
        """,
    ),
    "in a function, which keeps a body": (
        """\
        def build():
            import keras


        def other():
            from keras import layers
            return 1
        """,
        (),
        """\
        def build():
            pass


        def other():
            return 1
        """,
    ),
    "several statements on a line": (
        "import keras; import os; import tensorflow as tf\nprint(os)\n",
        (),
        "import os\nprint(os)\n",
    ),
    "an alias by assignment goes, and then its import": (
        """\
        import tensorflow as tf

        keras = tf.keras
        layers = keras.layers
        x = 1
        """,
        (),
        """\
        x = 1
        """,
    ),
    "a star import is kept for the names that it brings": (
        """\
        from keras.layers import *
        from keras.models import *
        x = Dense(3)
        """,
        (),
        """\
        from keras.layers import *
        x = Dense(3)
        """,
    ),
    "unsorted imports: where the framework stood": (
        """\
        import pandas as pd
        import numpy as np
        import keras
        import matplotlib.pyplot as plt

        pd, np, plt
        """,
        TORCH,
        """\
        import pandas as pd
        import numpy as np
        import torch
        from torch import nn
        import matplotlib.pyplot as plt

        pd, np, plt
        """,
    ),
    "a local variable does not keep an import": (
        """\
        from keras import layers


        def f(layers):
            return [layer for layer in layers]
        """,
        (),
        """\
        def f(layers):
            return [layer for layer in layers]
        """,
    ),
    "names in __all__ stay": (
        """\
        from keras import layers, models
        __all__ = ["layers"]
        """,
        (),
        """\
        from keras import layers
        __all__ = ["layers"]
        """,
    ),
    "relative imports and likenesses stay": (
        """\
        from .keras import layers
        from mykeras import models
        import keras_like
        """,
        (),
        """\
        from .keras import layers
        from mykeras import models
        import keras_like
        """,
    ),
}


def _plain(text: str) -> str:
    import textwrap

    return textwrap.dedent(text)


@pytest.mark.parametrize("name", CASES)
def test_imports(name: str) -> None:
    before, imports, after = CASES[name]

    def exports(module: str, member: str) -> bool:
        return (module, member) == ("keras.layers", "Dense")

    text = settle(write_imports(_plain(before), imports, exports))
    assert text == _plain(after)
    assert settle(write_imports(text, imports, exports)) == text


def test_other_modules_go_only_when_asked() -> None:
    text = "import os\nimport json\nimport keras\nprint(json)\n"
    assert write_imports(text, ()).startswith("import os\nimport json\n")
    assert settle(write_imports(text, (), freed=("os", "json"))) == "import json\nprint(json)\n"


def test_a_file_without_imports() -> None:
    text = '"""Doc."""\nx = 1\n'
    assert settle(write_imports(text, ("import torch", "import copy"))) == (
        '"""Doc."""\n\nimport copy\n\nimport torch\n\nx = 1\n'
    )


def test_an_import_that_comes_too_late_is_made_early() -> None:
    """A notebook that imports NumPy in a later cell than the one that loads the data."""
    source = (
        "from keras.datasets import boston_housing\n(a, b), (c, d) = boston_housing.load_data()\n"
        "import numpy as np\nprint(np.mean(a))\n"
    )
    code = keras2torch(source).code
    assert code.index("import numpy as np") < code.index("np.load(")


def test_a_module_of_the_standard_library_that_a_later_cell_imports() -> None:
    """What is needed before that cell is not imported beside it."""
    source = (
        "import keras\n(a, b), (c, d) = keras.datasets.fashion_mnist.load_data()\nprint(a)\n"
        "\nimport itertools\nprint(list(itertools.chain(b)))\n"
    )
    code = keras2torch(source).code
    assert code.startswith("import gzip\nimport os\n")


def test_an_import_made_twice_goes_twice() -> None:
    """A notebook that imports a function again, which the file defines itself now."""
    line = "from keras.utils import to_categorical\n"
    code = keras2torch(f"{line}a = to_categorical([0, 1], n)\n{line}b = to_categorical([1, 0], n)\n").code
    assert "keras" not in code
