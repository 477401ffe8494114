"""Scores by closed forms: where the posterior is known, so are they."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sureflow.core.commit import REMAINING
from sureflow.families.tokens.codec import text_of
from sureflow.families.tokens.scores.catalogue import SCORES
from sureflow.families.tokens.spec import TokenSpec
from sureflow.model import Model
from sureflow.sampling.sample import run, sample
from tests.models.families.tokens.conftest import PAIRS

FREE = tuple(name for name, meaning in SCORES.items() if not meaning.conditioned)
SECOND = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1 / 3))
"""Entropy of the second letter given the first."""


def test_surprise_is_minus_the_log_probability(pairs: Model) -> None:
    """With one token a step, whatever the order."""
    for one in sample(pairs, 40, 1, method="first_hitting", scores=FREE):
        expected = -math.log(PAIRS[text_of(one.data)])
        assert one.scores["surprise"] == pytest.approx(expected, rel=1e-5)


def test_entropy_is_that_of_the_posteriors(pairs: Model) -> None:
    for one in sample(pairs, 10, 1, method="first_hitting", scores=FREE):
        assert one.scores["entropy"] == pytest.approx(math.log(4) + SECOND, rel=1e-5)
        assert one.map.sum() == pytest.approx(one.scores["entropy"], rel=1e-5)
        late = SECOND * (one.t[1] >= 0.5)
        assert one.scores["late_entropy"] == pytest.approx(late, rel=1e-5, abs=1e-9)


def test_the_rate_says_what_entropy_is_left(pairs: Model) -> None:
    one = sample(pairs, 1, 1, method="first_hitting", scores=FREE)[0]
    left = (1 - one.t.astype(np.float64)) ** 2 * one.rate
    np.testing.assert_allclose(left, [2 * math.log(4), SECOND], rtol=1e-4)
    assert REMAINING * 2 * math.log(4) > SECOND
    assert one.commit.step == 1


def test_a_finished_pair_is_read_again(pairs: Model) -> None:
    """Each letter is predicted by the other."""
    for one in sample(pairs, 40, 1, method="first_hitting", scores=FREE):
        first, second = text_of(one.data)
        each = -math.log(0.9 if first == second else 0.1 / 3)
        assert one.scores["pseudo_likelihood"] == pytest.approx(2 * each, rel=1e-5)
        assert one.scores["worst_token"] == pytest.approx(each, rel=1e-5)


def test_what_is_read_again_finds_what_is_improbable(pairs: Model) -> None:
    samples = sample(pairs, 200, 2, method="first_hitting", scores=FREE)
    odd = np.array([len({*text_of(one.data)}) == 2 for one in samples])
    found = np.array([one.scores["disagreement"] for one in samples])
    assert found[odd].mean() > found[~odd].mean() + 0.1


def test_a_condition_that_is_ignored_makes_no_contrast(letters: Model) -> None:
    given = {"size": np.full(1, letters.card.conditions["size"].null, np.float32)}
    (one,) = sample(letters, 1, 0, steps=4, condition=given, scores=("condition_contrast",))
    assert one.scores["condition_contrast"] == pytest.approx(0, abs=1e-4)


def test_running_scores_foretell_those_of_the_end(pairs: Model) -> None:
    """What was drawn, and the entropy of what is left, which is what is to be expected."""
    heard: dict[int, dict[float, float]] = {}

    def listen(ticket: int, t: float, values: np.ndarray) -> None:
        heard.setdefault(ticket, {})[t] = float(values[0])

    specs = [TokenSpec(0, i, "confidence", 2, scores=("surprise",)) for i in range(400)]
    samples = run(pairs, specs, 64, listener=listen)
    final = np.array([one.uncertainty for one in samples])
    early = np.array([heard[i][0.5] for i in range(400)])
    assert final.mean() == pytest.approx(early.mean(), abs=4 * final.std() / 20)
    np.testing.assert_allclose(early, math.log(4) + SECOND, rtol=1e-5)
