"""Balls of points whose distances are plain to see."""

import pytest
import torch

from sureflow.evaluation.realism import coverage, radii, realism, recall, unreality


def line(count: int = 50) -> torch.Tensor:
    """Points one apart on a line: the third neighbour of an inner one is two away."""
    return torch.arange(float(count))[:, None]


def test_radii() -> None:
    assert radii(line())[2:-2].tolist() == [2.0] * 46
    assert radii(line())[0] == 3


def test_inside_and_far_out() -> None:
    place = realism(torch.tensor([[20.4], [-30.0], [51.5]]), line())
    assert place.off_manifold.tolist() == [False, True, False]
    assert place.ratio[0] == pytest.approx(2 / 0.4, rel=1e-4)
    assert place.ratio[1] < 0.1


def test_recall_and_coverage_see_what_is_left_out() -> None:
    assert recall(line(), line()) == coverage(line(), line()) == 1
    half = line()[:25]
    assert recall(half, line()) == pytest.approx(0.54, abs=0.03)
    assert coverage(half, line()) == pytest.approx(0.54, abs=0.03)


def test_unreality_is_an_average_over_sets() -> None:
    """A cloud of real points: far from it is outside of every ball, in its midst of none."""
    drawn = torch.Generator().manual_seed(0)
    real = torch.randn(1000, 2, generator=drawn)
    inner, outer = 0.3 * torch.randn(50, 2, generator=drawn), torch.tensor([[9.0, 9.0]])
    found = unreality(torch.cat([inner, outer]), real, sets=5, size=400)
    assert found[-1] > 1
    assert found[-1] > found[:-1].max() + 0.5
    assert torch.equal(unreality(outer, real, sets=5, size=400), found[-1:]), "the sets are fixed"
