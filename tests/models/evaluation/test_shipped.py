"""The shipped ``fashion`` and its judge, on few samples; ``sureflow evaluate`` does it properly."""

from pathlib import Path

import torch

from sureflow.checkpoint import load
from sureflow.evaluation.evaluate import draw_balanced
from sureflow.evaluation.judge import Judge

JUDGE = Path(__file__).parents[3] / "models" / "judges" / "fashion.safetensors"


def test_class_conditional_samples_are_recognised() -> None:
    """Of 50 samples at 20 Euler steps a judge that reads nine in ten recognises most.

    The bound is four standard errors below.
    """
    model = load("fashion")
    samples = draw_balanced(model, 50, seed=3, method="euler", steps=20, quiet=True)
    images = torch.stack([torch.from_numpy(sample.data) for sample in samples]).clamp(-1, 1)
    predicted, _ = Judge.load(JUDGE, 10).read(images)
    asked = torch.tensor([sample.spec.label for sample in samples])
    assert float((predicted == asked).float().mean()) > 0.72
    said = [sample.confidence for sample in samples]
    assert all(value is not None and 0 <= value <= 1 for value in said)
    assert max(said) - min(said) > 0.5
