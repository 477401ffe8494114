import numpy as np
import pytest
import torch
from stubs import model_of

from sureflow.evaluation.evaluate import assess, confident_half, draw_balanced
from sureflow.evaluation.judge import Judge, train_judge
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.networks import GaussianMixture


def two_images() -> GaussianMixture:
    """Class 0 is a bright upper half, class 1 a bright lower half, with a little noise."""
    upper = -torch.ones(28, 28)
    upper[:14] = 1
    return GaussianMixture(
        means=[upper.flatten().tolist(), (-upper).flatten().tolist()],
        weights=[1.0, 1.0],
        covariances=[0.1, 0.2],
        labels=[0, 1],
        shape=[1, 28, 28],
    )


@pytest.fixture(scope="module")
def judged() -> tuple[GaussianMixture, Judge, torch.Tensor]:
    network = two_images()
    generator = torch.Generator().manual_seed(0)
    images = network.draw(600, generator).float().reshape(-1, 1, 28, 28)
    labels = (images[:, :, 14:].mean((1, 2, 3)) > 0).long()
    as_bytes = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return network, train_judge(as_bytes[:300], labels[:300], epochs=3, quiet=True), images


def test_perfect_samples_are_judged_perfect(judged) -> None:
    network, judge, images = judged
    samples = draw_balanced(model_of(network), 100, seed=1, steps=8, quiet=True)
    assert [s.spec.label for s in samples[:4]] == [0, 1, 0, 1]
    report = assess(samples, judge, images)
    assert report.accuracy == 1
    assert report.distance < 3 * report.floor


def test_wrong_samples_are_judged_wrong(judged) -> None:
    network, judge, images = judged
    swapped = GaussianMixture(
        network.means.flip(0).tolist(), [1.0, 1.0], [0.1, 0.2], [0, 1], [1, 28, 28]
    )
    samples = draw_balanced(model_of(swapped), 50, seed=1, steps=8, quiet=True)
    assert assess(samples, judge, images).accuracy == 0


def test_too_few_held_out_images_are_refused(judged) -> None:
    network, judge, images = judged
    samples = draw_balanced(model_of(network), 10, seed=1, steps=2, quiet=True)
    with pytest.raises(ValueError, match="20 held-out"):
        assess(samples, judge, images[:19])


def test_reference_draws_give_uniform_confidence(mixture) -> None:
    """With the two modes of class 1, and without a condition.

    The lone mode of class 0 is always equally sure, so it has no distribution to be uniform in.
    """
    calibration = calibrate(mixture, draws=200, guidance=[1.0, 2.0], steps=8, quiet=True)
    assert {table.shape[:2] for table in calibration.quantiles.values()} == {(2, 3)}
    assert set(calibration.quantiles) == {n for n, meaning in SCORES.items() if not meaning.factor}
    for label in (1, None):
        fresh = draw_balanced(mixture, 200, seed=4, labels=[label], steps=8, quiet=True)
        said = [calibration.confidence("propagated", s.uncertainty, s.spec) for s in fresh]
        assert np.abs(np.sort(said) - np.linspace(0, 1, len(said))).max() < 0.15


def test_confident_half() -> None:
    class Fake:
        def __init__(self, confidence: float | None) -> None:
            self.confidence = confidence

    samples = [Fake(c) for c in (0.1, 0.9, None, 0.5)]
    assert [s.confidence for s in confident_half(samples)] == [0.9, 0.5]  # type: ignore[arg-type]
