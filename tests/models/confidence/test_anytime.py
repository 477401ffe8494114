"""Bounds hold at any number of verdicts, by simulation with optional stopping."""

from __future__ import annotations

import numpy as np
import pytest

from sureflow.confidence.anytime import anytime_bounds, evidence_below
from sureflow.confidence.certificate import DELTA, upper_bounds

RUNS, LENGTH = 1000, 400
ERRORS = 3 * (DELTA * (1 - DELTA) / RUNS) ** 0.5
"""Three standard errors of a share that is ``DELTA``."""


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5])
def test_the_least_bound_ever_made_is_seldom_too_small(rate: float) -> None:
    bad = (np.random.default_rng(1).random((RUNS, LENGTH)) < rate).cumsum(1)
    count = np.broadcast_to(np.arange(1, LENGTH + 1), bad.shape)
    evidence = evidence_below(bad.ravel(), count.ravel(), np.full(bad.size, rate))
    violated = (evidence.reshape(bad.shape) >= -np.log(DELTA)).any(1)
    assert violated.mean() <= DELTA + ERRORS


def test_a_bound_for_one_look_is_not_for_many() -> None:
    bad = (np.random.default_rng(1).random((RUNS, LENGTH)) < 0.1).cumsum(1)
    looks = np.arange(20, LENGTH, 10)
    bounds = np.stack([upper_bounds(bad[:, n - 1], np.full(RUNS, n)) for n in looks], 1)
    assert (bounds < 0.1).any(1).mean() > DELTA + 3 * ERRORS


def test_the_bound_is_where_the_evidence_is_just_enough() -> None:
    bad, count = np.array([0, 0, 3, 10, 40]), np.array([10, 300, 100, 20, 41])
    bounds = anytime_bounds(bad, count)
    for offset, enough in ((-1e-6, False), (1e-6, True)):
        assert ((evidence_below(bad, count, bounds + offset) >= -np.log(DELTA)) == enough).all()
    # It is the only such place above the observed rate, and not far above that for a single look.
    for s, n, bound in zip(bad, count, bounds, strict=True):
        rates = np.linspace((s + 0.5) / n, 1, 500, endpoint=False)
        enough_ = evidence_below(np.full(500, s), np.full(500, n), rates) >= -np.log(DELTA)
        assert (enough_ == (rates > bound)).all()
    single = upper_bounds(bad, count)
    assert ((single < bounds) & (bounds < 1.6 * single)).all()


def test_nothing_follows_from_nothing() -> None:
    assert anytime_bounds(np.array([0, 5]), np.array([0, 5])).tolist() == [1, 1]
