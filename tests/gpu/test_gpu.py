"""Verification on a GPU: the same programs, the same verdicts."""

from __future__ import annotations

import pytest

from tests.verify.pairs import DIGITS, LINEAR, REVIEWS, TABLE, Example
from transpile.verify import verify

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that PyTorch sees")


@pytest.mark.parametrize("example", [LINEAR, DIGITS, REVIEWS, TABLE], ids=lambda e: e.name)
def test_examples_agree_on_the_gpu(example: Example) -> None:
    report = verify(example.keras, example.torch, [example.pair], device="cuda")
    print(report.as_table())
    assert report.device == "cuda"
    assert report.ok


def test_a_wrong_program_is_caught_on_the_gpu() -> None:
    broken = DIGITS.torch.replace("eps=1e-3, ", "")
    report = verify(DIGITS.keras, broken, [DIGITS.pair], device="cuda")
    assert report.failed_levels[0] == 2


def test_single_precision_is_single_precision() -> None:
    """TF32 rounds the factors of a product to ten bits; the comparison switches it off."""
    source = TABLE.torch.replace(
        "criterion = ",
        "torch.zeros(1, device='cuda')\nassert not torch.backends.cuda.matmul.allow_tf32\n"
        "assert not torch.backends.cudnn.allow_tf32\nassert torch.backends.cudnn.deterministic\ncriterion = ",
    )
    report = verify(TABLE.keras, source, [TABLE.pair], device="cuda", levels=(1, 2))
    assert report.ok
