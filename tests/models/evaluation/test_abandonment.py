"""The conformal envelope: few of those that pass are lost, and most of the others are caught."""

from __future__ import annotations

import numpy as np
import pytest

from sureflow.confidence.early import NEVER, SHARES
from sureflow.evaluation.abandonment import FALSE_REJECTS, fit_bounds, telling


def walks(count: int, seed: int, times: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Ranks along random walks with positive steps, and final ranks."""
    rng = np.random.default_rng(seed)
    scale = rng.gamma(3, size=(count, 1))
    running = np.cumsum(scale * rng.gamma(2, size=(count, times + 1)), 1)
    placed = (np.argsort(np.argsort(running, 0), 0) + 1) / count
    return placed[:, :-1], placed[:, -1]


def lost(bounds: np.ndarray, placed: np.ndarray, passing: np.ndarray) -> float:
    return float((placed[passing] > bounds).any(1).mean())


def test_the_bound_on_false_rejects_holds_over_fresh_calibrations() -> None:
    """All but about a tenth of 120 calibrations keep the promise on the population."""
    placed, final = walks(60_000, seed=0)
    share = 9
    assert SHARES[share] == 0.5
    rng = np.random.default_rng(1)
    broken, caught = 0, []
    for trial in range(120):
        drawn = rng.choice(len(final), 1200, replace=False)
        bounds = fit_bounds(placed[drawn], final[drawn], seed=trial)[share]
        broken += lost(bounds, placed, final <= 0.5) > FALSE_REJECTS
        caught.append(lost(bounds, placed, final > 0.5))
    assert broken <= 0.1 * 120 + 2 * (120 * 0.1 * 0.9) ** 0.5
    assert np.mean(caught) > 0.5


def test_too_few_draws_allow_nothing_to_be_abandoned() -> None:
    placed, final = walks(40, seed=3)
    assert (fit_bounds(placed, final, seed=0) == NEVER).all()


@pytest.mark.parametrize("share", [4, 9, 14])
def test_wider_shares_have_wider_bounds_on_the_whole(share: int) -> None:
    placed, final = walks(8000, seed=4)
    bounds = fit_bounds(placed, final, seed=0)
    assert bounds[share].mean() < bounds[share + 3].mean()


def test_statistics_are_weighed_by_what_they_tell() -> None:
    """One is noise at first and all later; in a stratum of ten times the spread it counts alike."""
    rng = np.random.default_rng(0)
    final = rng.random(4000)
    noise, clear = rng.normal(size=(2, 4000))
    values = np.stack([np.stack([noise, final + 0.2 * clear], 1), np.stack([final, noise], 1)], 1)
    able = np.ones((2, 2), np.bool_)
    one, wide = telling([(values, final), (10 * values, final)], able)
    assert abs(one[0, 0]) < 0.02 < 0.5 < one[0, 1]
    assert one[1] == pytest.approx([1, 0], abs=1e-9)
    np.testing.assert_allclose(wide, one / 10, atol=1e-9)
    able[0, 1] = False
    values[:, 0, 1] = np.nan
    assert telling([(values, final)], able)[0, 0, 1] == 0
