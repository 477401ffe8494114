"""The scale of least variance against a search, and against a network whose errors are known."""

import pytest
import torch

from benchmarks.truth.guidance import best_on_data, fragment, made, picked
from benchmarks.truth.path import starts
from sureflow.networks import GaussianMixture

MEANS = [[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0]]


def network() -> GaussianMixture:
    """Three classes, one of them wider."""
    return GaussianMixture(MEANS, [1.0, 1.0, 1.0], [0.3, 0.3, 0.6], labels=[0, 1, 2])


@pytest.mark.parametrize("correlation", [0.0, 0.7, 0.95, 1.0])
def test_it_minimises_the_predicted_variance(correlation: float) -> None:
    generator = torch.Generator().manual_seed(0)
    label, null = (torch.rand(20, 1, 3, 3, generator=generator) + 0.1 for _ in range(2))
    found = picked(label, null, correlation, most=4)
    scales = torch.linspace(1, 4, 3001)[:, None, None, None, None]
    variance = (1 - scales) ** 2 * null + scales**2 * label
    variance = variance + 2 * scales * (1 - scales) * correlation * (label * null).sqrt()
    best = scales.flatten()[variance.flatten(2).sum(-1).argmin(0)]
    assert (found - best).abs().max() < 2e-3
    assert ((found >= 1) & (found <= 4)).all()


def test_by_the_law_of_total_variance_it_is_one() -> None:
    """What the label explains is uncorrelated with what is left: the covariance is the less."""
    label = torch.rand(10, 4, generator=torch.Generator().manual_seed(1)) + 0.5
    for ratio in (0.5, 0.9):
        assert picked(ratio * label, label, ratio**0.5).tolist() == pytest.approx(
            [1.0] * 10, rel=1e-4
        )


def test_on_data_of_the_exact_network_the_best_scale_is_one() -> None:
    exact, labels = network(), torch.arange(6000) % 3
    spread = torch.tensor([0.3, 0.3, 0.6])[labels, None]
    noise = torch.randn(6000, 2, generator=torch.Generator().manual_seed(2))
    data = torch.tensor(MEANS)[labels] + spread * noise
    for t in (0.2, 0.5):
        assert best_on_data(exact, data, labels, t) == pytest.approx(1, abs=0.06)


def test_a_larger_scale_takes_samples_farther_from_other_classes() -> None:
    exact, labels = network(), torch.zeros(200, dtype=torch.long)
    start = starts(exact, 3, 200)
    plain, one = made(exact, start, labels, 1.0)
    guided, two = made(exact, start, labels, 2.0)
    same, _ = made(exact, start, labels, lambda label, null: torch.ones(len(label)))
    assert (one, two) == (1, 2)
    assert (same - plain).abs().max() < 1e-5
    assert guided[:, 0].mean() > plain[:, 0].mean() + 0.1


def test_the_page_has_a_row_for_each_rule() -> None:
    what = ("bad by one judge", "bad by another", "judge-FD", "precision", "recall", "diversity")
    figures = {"guidance, digits: seeds": 3, "guidance, digits: samples of each seed": 9}
    figures |= {f"guidance, digits: best scale on held-out data at {t:g}": 1 for t in TIMES}
    for rule in ("fixed 1", "picked, correlation 0.9"):
        for measure in (*what, "mean scale"):
            figures |= {f"guidance, digits, {rule}: {measure}{end}": 2 for end in ENDS}
    page = fragment(figures)
    assert "| fixed 1 | 2 ± 2 |" in page
    assert "| picked, correlation 0.9 | 2 ± 2 |" in page
    assert "`fashion`, 3 seeds" not in page


TIMES, ENDS = (0.1, 0.3, 0.5, 0.7, 0.9), ("", ", deviation")
