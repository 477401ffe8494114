"""What counts of a review, what is proposed, and what is certified."""

from __future__ import annotations

import numpy as np

from sureflow.confidence.certificate import DELTA
from sureflow.confidence.reviewed import REST, THRESHOLDS, Reviewed
from sureflow.core.arrays import Floats

NAN = np.nan


def at(threshold: float) -> int:
    return int(np.flatnonzero(threshold == THRESHOLDS)[0])


def test_what_counts_ends_at_the_first_draw_without_a_verdict() -> None:
    confidence = np.array([0.9, 0.1, 0.6, NAN, 0.7, 0.2, 0.8])
    reviewed = Reviewed(confidence, np.array([0, 1, 1, NAN, 0, NAN, 0]))
    bad, count = reviewed.tally()
    assert (bad[at(0.5)], count[at(0.5)]) == (1, 4)  # all that sure
    assert (bad[at(0.15)], count[at(0.15)]) == (1, 3)  # up to the sixth
    assert (bad[at(0)], count[at(0)]) == (2, 4)
    assert (reviewed.judged, reviewed.until) == (5, 7)


def test_passing_over_bad_draws_gains_nothing() -> None:
    confidence = np.linspace(0.99, 0.5, 100)
    bad = np.zeros(100)
    bad[9] = NAN  # the reviewer has no word for it
    assert Reviewed(confidence, bad).tally()[1][0] == 9


def test_all_draws_are_proposed_in_their_order_without_a_look_at_confidence() -> None:
    reviewed = Reviewed(np.random.default_rng(0).random(20), np.full(20, NAN))
    assert reviewed.propose(5, 0.0) == [0, 1, 2, 3, 4]
    assert reviewed.propose(5, 0.0, {0, 2, 3}) == [1, 4, 5, 6, 7]


def test_most_proposals_are_sure_and_one_of_four_is_not() -> None:
    confidence = np.random.default_rng(0).random(400)
    bad = np.full(400, NAN)
    for _ in range(20):
        for draw in Reviewed(confidence, bad).propose(7, 0.5):
            bad[draw] = 0
    judged = np.isfinite(bad)
    assert judged.sum() == 140
    assert (judged & (confidence < 0.5)).sum() == 140 // REST
    sure = np.flatnonzero(confidence >= 0.5)
    assert judged[sure[: 140 - 140 // REST]].all()


def test_no_proposal_skips_a_draw_that_is_yet_to_be_made() -> None:
    reviewed = Reviewed(np.array([0.1, 0.2, 0.9]), np.full(3, NAN))
    assert reviewed.propose(8, 0.5) == [2]


def test_certified_rates_hold_however_the_reviewer_stops() -> None:
    runs, random = 200, np.random.default_rng(3)
    violated = 0
    for _ in range(runs):
        confidence = random.random(200)
        rate = 0.15 * (1 - confidence) + 0.02  # of draws of this confidence that are bad
        truth = (random.random(200) < rate).astype(float)
        violated += _ever_wrong(confidence, truth)
    assert violated / runs <= DELTA + 3 * (DELTA * (1 - DELTA) / runs) ** 0.5


def _ever_wrong(confidence: Floats, truth: Floats) -> bool:
    """Whether a certificate that a hopeful reviewer might stop at promises too much."""
    true_rate = 0.15 * (1 - THRESHOLDS) / 2 + 0.02
    for judged in range(20, 201, 20):
        bad = np.where(np.arange(200) < judged, truth, NAN)
        made = Reviewed(confidence, bad).certificate({"score": "s"})
        for asked in (0.05, 0.08, 0.1):
            threshold = made.threshold(asked)
            if threshold is not None and true_rate[at(threshold)] > asked:
                return True
    return False


def test_what_is_needed_is_enough() -> None:
    confidence, bad = np.full(1000, 0.9), np.full(1000, NAN)
    bad[:30] = 0
    needed = Reviewed(confidence, bad).needed(0.03)
    assert needed is not None
    bad[: 30 + needed] = 0
    assert Reviewed(confidence, bad).certificate({"score": "s"}).threshold(0.03) is not None
    bad[30 + int(needed * 0.95) :] = NAN
    assert Reviewed(confidence, bad).certificate({"score": "s"}).threshold(0.03) is None
    assert Reviewed(confidence, np.ones(1000)).needed(0.001) is None


def test_a_certificate_names_itself_and_is_contradicted_by_fresh_draws_alone() -> None:
    confidence = np.tile([0.9, 0.2], 300)
    bad = np.where(np.arange(600) < 300, 0.0, NAN)
    made = Reviewed(confidence, bad).certificate({"score": "s"})
    assert made.version.startswith("sha256:")
    bad[300:400] = 1
    worse = Reviewed(confidence, bad)
    assert worse.contradiction(made, made.note["until"]).evidence > 1e6
    assert worse.certificate({"score": "s"}).version != made.version
    good = Reviewed(confidence, np.where(np.isnan(bad), 0, 0 * bad))
    assert good.contradiction(made, made.note["until"]).evidence == 1
