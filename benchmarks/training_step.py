"""What one training step of an emitted model costs (`make bench`).

The digits convnet of fixtures/cases is trained on one batch of 128 by three sides: the model that
the converter emits, with the criterion and the optimizer of the emitted file; what a person would
have written in PyTorch (below); Keras on its torch backend. Each has a process of its own with one
thread and no GPU, and they take turns, so that other work on the machine falls on all alike.
Processor time is counted, and medians are divided. `--device cuda` does the same on a GPU, where time
is what passes until the GPU is done, and Keras on JAX takes part too.

Part of the step: clearing the gradients, forward, loss, backward, the optimizer. Not part of it:
metrics, and the making of batches.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "fixtures/cases/digits_convnet/keras.py"
BATCH = 128
WARM_UP = 2
STEPS = {"cpu": 2, "cuda": 50}  # in one turn
SIDES = {
    "emitted": "emitted by transpile",
    "written": "written by hand",
    "keras": "Keras on its torch backend",
}
ON_GPU = {"keras_jax": "Keras on its JAX backend"}
ENVIRONMENT = {"KERAS_BACKEND": "torch", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

Step = Callable[[], object]


# --- the sides, each in a process of its own ---------------------------------------------------


def until(source: str, *names: str) -> dict[str, Any]:
    """The variables of a program, run as far as the statement that completes `names`."""
    variables: dict[str, Any] = {"__name__": "program"}
    for statement in ast.parse(source).body:
        exec(compile(ast.Module([statement], []), "program", "exec"), variables)
        if variables.keys() >= set(names):
            return variables
    raise LookupError(f"the program does not define {', '.join(names)}")


def torch_step(model: Any, criterion: Any, optimizer: Any, x: Any, y: Any) -> Step:
    """A training step as both PyTorch sides take it."""
    model.train()

    def step() -> None:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()

    return step


def emitted() -> Step:
    """The converter's model, criterion and optimizer."""
    import torch

    sys.path.insert(0, str(ROOT))
    from transpile import keras2torch

    code = keras2torch(FILE.read_text()).code
    program = until(code, "x_train", "y_train", "model", "criterion", "optimizer")
    device = program["device"]
    x, y = (torch.as_tensor(program[name][:BATCH]).to(device) for name in ("x_train", "y_train"))
    return torch_step(program["model"], program["criterion"], program["optimizer"], x, y)


def written() -> Step:
    """The same by hand; PyTorch's own batch normalization."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Net(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 32, 3)
            self.norm = nn.BatchNorm2d(32, eps=1e-3, momentum=0.01)
            self.pool = nn.MaxPool2d(2)
            self.conv2 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
            self.dropout = nn.Dropout(0.5)
            self.head = nn.Linear(3136, 10)
            for layer in (self.conv1, self.conv2, self.head):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

        def forward(self, x: Any) -> Any:
            x = x.permute(0, 3, 1, 2)
            x = self.pool(self.norm(F.relu(self.conv1(x))))
            x = F.relu(self.conv2(x))
            return self.head(self.dropout(x.permute(0, 2, 3, 1).flatten(1)))

    device = "cuda" if torch.cuda.is_available() else "cpu"
    x, y = torch.rand(BATCH, 28, 28, 1, device=device), torch.randint(10, (BATCH,), device=device)
    model: Any = Net().to(device)
    model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
    return torch_step(model, nn.CrossEntropyLoss(), optimizer, x, y)


def keras() -> Step:
    """The Keras program's model; nothing but the loss is tracked."""
    program = until(FILE.read_text().replace("tensorflow.", "").replace("from tensorflow ", ""), "model")
    model, x, y = program["model"], program["x_train"][:BATCH], program["y_train"][:BATCH]
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam")
    return lambda: model.train_on_batch(x, y)


def serve(side: str, device: str) -> None:
    """Prints the milliseconds of a few steps as JSON, once ready and for each line that comes in."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    with contextlib.redirect_stdout(io.StringIO()):
        step = {"emitted": emitted, "written": written}.get(side, keras)()
        timed(step, WARM_UP, device)
    print("[]", flush=True)
    for _ in sys.stdin:
        print(json.dumps(timed(step, STEPS[device], device)), flush=True)


def timed(step: Step, times: int, device: str) -> list[float]:
    """The milliseconds that each of `times` steps takes: of the processor, or until the GPU is done."""
    import torch

    clock = time.process_time if device == "cpu" else time.perf_counter
    taken = []
    for _ in range(times):
        start = clock()
        step()
        if device != "cpu":
            torch.cuda.synchronize()
        taken.append(1000 * (clock() - start))
    return taken


# --- the comparison ----------------------------------------------------------------------------


def measure(rounds: int, seconds: float, device: str) -> dict[str, list[float]]:
    """Milliseconds of single steps by side: `rounds` turns each, but no more after `seconds`."""
    end = time.monotonic() + seconds
    with contextlib.ExitStack() as stack:
        workers = {side: stack.enter_context(start(side, device)) for side in sides(device)}
        for worker in workers.values():
            answer(worker)  # it is ready
        taken: dict[str, list[float]] = {side: [] for side in workers}
        for turn in range(rounds):
            if turn and time.monotonic() > end:
                break
            for side, worker in workers.items():
                assert worker.stdin is not None
                worker.stdin.write("\n")
                worker.stdin.flush()
                taken[side] += answer(worker)
    return taken


def sides(device: str) -> dict[str, str]:
    """What is measured on a device."""
    return SIDES if device == "cpu" else SIDES | ON_GPU


def start(side: str, device: str) -> subprocess.Popen[str]:
    """A process that trains one side; leaving its context ends its input, and so the process."""
    return subprocess.Popen(
        [sys.executable, __file__, "--serve", side, "--device", device],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ
        | ENVIRONMENT
        | ({"KERAS_BACKEND": "jax"} if side == "keras_jax" else {})
        | ({"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}),
    )


def answer(worker: subprocess.Popen[str]) -> list[float]:
    """The next line of a worker."""
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        raise SystemExit(f"no answer from {worker.args!r}")
    milliseconds: list[float] = json.loads(line)
    return milliseconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20, help=f"turns of each side, {STEPS} steps a turn")
    parser.add_argument("--seconds", type=float, default=40.0, help="after so long, start included, no new round")
    parser.add_argument("--device", choices=STEPS, default="cpu")
    parser.add_argument("--serve", choices=SIDES | ON_GPU, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.device)
        return
    taken = measure(options.rounds, options.seconds, options.device)
    median = {side: statistics.median(times) for side, times in taken.items()}
    print(
        f"one training step of {FILE.parent.name}, batch {BATCH}, {options.device}, {len(taken['emitted'])} steps each"
    )
    measured = sides(options.device)
    for side, title in measured.items():
        print(f"{title:<42}{median[side]:6.2f} ms")
    for side, title in measured.items():
        if side != "emitted":
            print(f"{'emitted / ' + title:<42}{median['emitted'] / median[side]:6.2f}")


if __name__ == "__main__":
    main()
