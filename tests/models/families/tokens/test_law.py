"""Every sampler draws the law of the data, where the network knows it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from sureflow.core.lane import Sample
from sureflow.families.tokens.codec import text_of
from sureflow.model import Model
from sureflow.sampling.sample import sample
from tests.models.families.tokens.conftest import PAIRS, WORDS

EXACT: list[dict[str, Any]] = [
    {"method": "first_hitting"},
    {"method": "confidence", "steps": 2},
    {"method": "ancestral", "steps": 64},
    {"method": "remasking", "steps": 64, "remask": 0.5},
]
"""The last two draw two tokens in one step with probability of at most 1/64, or so."""


def variation(samples: list[Sample], law: dict[str, float]) -> float:
    """Total variation of the texts of samples from a law."""
    counts = Counter(text_of(one.data) for one in samples)
    assert counts.keys() <= law.keys()
    return 0.5 * sum(abs(counts[text] / len(samples) - share) for text, share in law.items())


def floor(law: dict[str, float], n: int) -> tuple[float, float]:
    """Mean and deviation of the total variation of ``n`` exact draws."""
    shares = np.array([*law.values()])
    draws = np.random.default_rng(0).multinomial(n, shares / shares.sum(), 4000) / n
    found = 0.5 * np.abs(draws - shares).sum(1)
    return float(found.mean()), float(found.std())


@pytest.mark.parametrize("options", EXACT, ids=lambda options: options["method"])
def test_pairs_have_their_law(pairs: Model, options: dict[str, Any]) -> None:
    n = 400 if options.get("steps", 2) > 2 else 2000
    mean, deviation = floor(PAIRS, n)
    bias = 0.65 / options["steps"] if options.get("steps", 2) > 2 else 0.0
    found = variation(sample(pairs, n, 1, capacity=64, **options), PAIRS)
    assert found < mean + bias + 4 * deviation


@pytest.mark.slow
@pytest.mark.parametrize("options", EXACT, ids=lambda options: options["method"])
def test_pairs_have_their_law_closely(pairs: Model, options: dict[str, Any]) -> None:
    n = 10_000
    mean, deviation = floor(PAIRS, n)
    bias = 0.65 / options["steps"] if options.get("steps", 2) > 2 else 0.0
    found = variation(sample(pairs, n, 2, capacity=64, **options), PAIRS)
    assert found < mean + bias + 4 * deviation


def test_two_tokens_in_one_step_are_independent(pairs: Model) -> None:
    """The known error of one step: the pairs are 1/16 each, 0.65 away."""
    found = variation(sample(pairs, 2000, 1, capacity=64, steps=1), PAIRS)
    assert found == pytest.approx(0.65, abs=0.05)


@pytest.mark.parametrize("method", ["first_hitting", "confidence"])
def test_lengths_are_drawn_too(words: Model, method: str) -> None:
    found = sample(words, 2000, 3, capacity=64, method=method, steps=4)
    mean, deviation = floor(WORDS, 2000)
    assert variation(found, WORDS) < mean + 4 * deviation


def test_event_times_are_those_of_the_process(words: Model) -> None:
    """The first of four uniform times has mean 1/5, the second 2/5."""
    times = np.array([one.t for one in sample(words, 1000, 4, capacity=64, method="first_hitting")])
    np.testing.assert_allclose(times.mean(0), [0, 0.2, 0.4, 0.6], atol=5 * 0.2 / 1000**0.5)
    assert (np.diff(times) > 0).all()


def test_a_low_temperature_and_a_nucleus_leave_the_probable(words: Model) -> None:
    options: dict[str, Any] = {"method": "first_hitting", "capacity": 64}
    cold = sample(words, 50, 5, temperature=0.05, **options)
    nucleus = sample(words, 50, 5, top_p=0.4, **options)
    for samples in (cold, nucleus):
        assert {text_of(one.data) for one in samples} == {"ab"}
