"""What draws say against a certificate: the most that they ever came to, in their order."""

from __future__ import annotations

import numpy as np
import pytest

from sureflow.confidence.anytime import evidence_above
from sureflow.confidence.certificate import DELTA, Conformal
from sureflow.confidence.contradiction import Contradiction
from sureflow.core.arrays import Floats

NAN = np.nan
NOTE = {"score": "s", "delta": DELTA}
CERTIFICATE = Conformal(np.array([0.8, 0.5, 0.2, 0.1]), np.array([0.02, 0.05, 0.1, 1.0]), NOTE)


def said(confidence: Floats, bad: Floats) -> Contradiction:
    return Contradiction.of(confidence, bad, CERTIFICATE)


def by_hand(confidence: Floats, bad: Floats) -> float:
    """The largest of all means, by the definition, one prefix at a time."""
    found = [1.0]
    for end in range(1, len(bad) + 1):
        terms = []
        for threshold, bound in zip(CERTIFICATE.confidence, CERTIFICATE.bound, strict=True):
            judged = bad[:end][confidence[:end] >= threshold]
            if bound < 1:
                count = np.array([len(judged)])
                evidence = evidence_above(np.nan_to_num(judged).sum(keepdims=True), count, bound)
                terms.append(0 if np.isnan(judged).any() else np.exp(evidence[0]))
        found.append(float(np.mean(terms)))
    return max(found)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_largest_over_all_prefixes(seed: int) -> None:
    random = np.random.default_rng(seed)
    confidence, bad = random.random(60), (random.random(60) < 0.1).astype(float)
    bad[random.random(60) < 0.05] = NAN
    confidence[7] = NAN
    assert said(confidence, bad).evidence == pytest.approx(by_hand(confidence, bad))


@pytest.mark.parametrize("seed", range(5))
def test_further_verdicts_never_make_it_less(seed: int) -> None:
    random = np.random.default_rng(seed)
    confidence, truth = random.random(80), (random.random(80) < 0.15).astype(float)
    bad, evidence = np.full(80, NAN), [1.0]
    for draw in random.permutation(80):
        bad[draw] = truth[draw]
        evidence.append(said(confidence, bad).evidence)
    assert (np.diff(evidence) >= 0).all()
    assert evidence[-1] > evidence[0]


def test_good_draws_that_come_later_take_nothing_away_and_a_verdict_taken_back_does() -> None:
    confidence, bad = np.full(500, 0.9), np.zeros(500)
    bad[:3] = 1
    found = said(confidence, bad)
    assert found == said(confidence[:3], bad[:3])
    assert found.evidence > 1 / DELTA
    assert (found.confidence, found.bound, found.bad, found.count) == (0.8, 0.02, 3, 3)
    for put in (NAN, 0):
        bad[:3] = put
        assert said(confidence, bad) == Contradiction()


def test_a_threshold_without_a_verdict_adds_nothing_from_there_on() -> None:
    bad = np.array([0, NAN, 1, 1, 1])
    assert said(np.full(5, 0.9), bad) == Contradiction()
    sure = said(np.array([0.9, 0.6, 0.9, 0.9, 0.9]), bad)
    assert (sure.confidence, sure.bad, sure.count) == (0.8, 3, 4)


def test_nothing_follows_from_nothing() -> None:
    assert said(np.empty(0), np.empty(0)) == Contradiction()
    assert said(np.array([0.15, NAN]), np.ones(2)) == Contradiction()  # nothing is promised of them
    empty = Conformal(np.array([0.5]), np.array([1.0]), NOTE)
    assert Contradiction.of(np.ones(9), np.ones(9), empty) == Contradiction()


@pytest.mark.parametrize(("worse", "least", "most"), [(1.0, 0.0, DELTA), (4.0, 0.95, 1.0)])
def test_certificates_are_contradicted_where_they_do_not_hold(
    worse: float, least: float, most: float
) -> None:
    """All verdicts are in: with fewer there is less evidence, whichever are missing."""
    runs, random = 500, np.random.default_rng(2)
    alarms = 0
    for _ in range(runs):
        confidence = random.random(300)
        rate = np.select([confidence >= c for c in (0.8, 0.5)], [0.02, 0.06], 0.15)
        bad = (random.random(300) < worse * rate).astype(float)
        alarms += said(confidence, bad).evidence >= 1 / DELTA
    errors = 3 * (DELTA * (1 - DELTA) / runs) ** 0.5
    assert least <= alarms / runs <= most + errors
