"""Rates of strata, all at once, against populations whose rates are known."""

from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np
import pytest
from scipy.stats import binom

from sureflow.confidence.anytime import anytime_bounds
from sureflow.confidence.calibration import Calibration
from sureflow.confidence.certificate import DELTA, STRATA, Conformal, certify, upper_bounds
from sureflow.confidence.measured import Measured, Measurements
from sureflow.confidence.quantile_table import tabulate
from sureflow.confidence.reviewed import Reviewed
from sureflow.confidence.stratified import ANY_GOOD, PARTS, Stratified, samples_needed, stratified
from sureflow.core.arrays import Floats
from sureflow.families.flow.setting import named

CLASSES = ("0", "1", "2", "3")
REPEATS, DRAWS = 200, 1200
BASE, SLOPE = np.array([0.001, 0.01, 0.05, 0.3]), np.array([0.02, 0.1, 0.3, 0.6])
"""Of the classes: a sample of confidence ``c`` is bad with probability ``base + slope (1 - c)``."""


def true_rates(levels: Floats) -> Floats:
    """Bad rates of what is accepted from these confidences on, ``[S, K]``."""
    return BASE[:, None] + SLOPE[:, None] * (1 - levels) / 2


def judged(rng: np.random.Generator, draws: int = DRAWS) -> Stratified:
    """A judge run over classes that take turns."""
    of = np.arange(draws) % len(CLASSES)
    confidence = rng.random(draws)
    bad = rng.random(draws) < BASE[of] + SLOPE[of] * (1 - confidence)
    made = certify(confidence, bad, {}, strata=[CLASSES[each] for each in of]).stratified
    assert made is not None
    return made


def test_all_bounds_hold_at_once_nine_times_in_ten() -> None:
    rng = np.random.default_rng(1)
    broken = {"any_good": 0, 0.05: 0, 0.1: 0, 0.4: 0}
    for _ in range(REPEATS):
        made = judged(rng)
        broken["any_good"] += bool((made.any_good < true_rates(ANY_GOOD)).any())
        for rate in (0.05, 0.1, 0.4):
            levels = [made.threshold(name, rate) for name in CLASSES]
            places = [(s, level) for s, level in enumerate(levels) if level is not None]
            broken[rate] += any(true_rates(np.array([c]))[s, 0] > rate for s, c in places)
    assert max(broken.values()) <= binom.ppf(0.999, REPEATS, DELTA), broken


def test_without_sharing_the_risk_they_would_not() -> None:
    """All classes are just worse than is asked for: each bound by itself is wrong at ``delta``."""
    rng, classes = np.random.default_rng(2), tuple(map(str, range(10)))
    wrong = {"shared": 0, "each": 0}
    for _ in range(REPEATS):
        bad = rng.binomial(100, 0.0505, len(classes))

        def tally(name: str, levels: Floats, bad=bad) -> tuple[np.ndarray, np.ndarray]:
            return np.full(len(levels), bad[int(name)]), np.full(len(levels), 100)

        for what, share in (("shared", 1), ("each", len(classes))):
            found = stratified(classes, np.zeros(1), tally, DELTA * share, upper_bounds)
            wrong[what] += bool((found.bound < 0.0505).any())
    assert wrong["shared"] <= binom.ppf(0.999, REPEATS, DELTA)
    assert wrong["each"] > 1.5 * binom.ppf(0.999, REPEATS, DELTA)


@pytest.mark.parametrize("any_good", [0.5, 0.9, 0.99])
def test_the_first_samples_that_pass_are_all_bad_as_rarely_as_promised(any_good: float) -> None:
    """Requests over many judge runs; what a request draws first is chosen before it draws."""
    rng = np.random.default_rng(3)
    broken = 0
    for _ in range(REPEATS):
        made = judged(rng)
        rate = true_rates(ANY_GOOD)[2]  # the class of which a twentieth to a third is bad
        count = np.ceil(np.log(1 - any_good) / np.log(made.any_good[2]) - 1e-9)
        broken += bool((rate**count > 1 - any_good).any())
    assert broken <= binom.ppf(0.999, REPEATS, DELTA)


def test_a_request_comes_to_what_the_rate_says() -> None:
    """Samples in the order of their index; the first three that pass at a confidence of 0.5."""
    rng, requests = np.random.default_rng(4), 40_000
    confidence = rng.random((requests, 40))
    bad = rng.random((requests, 40)) < BASE[3] + SLOPE[3] * (1 - confidence)
    passed = confidence >= 0.5
    first = passed & (passed.cumsum(1) <= 3)
    all_bad = (bad | ~first).all(1).mean()
    expected = true_rates(np.array([0.5]))[3, 0] ** 3
    assert all_bad == pytest.approx(expected, abs=4 * (expected / requests) ** 0.5)


def test_a_mixture_of_classes_promises_nothing_of_several_samples() -> None:
    """Samples of a request share their class, so its rate is what counts, and not the mean."""
    rates = true_rates(np.zeros(1))[:, 0]
    assert (rates**3).mean() > 3 * rates.mean() ** 3


def test_a_class_without_bad_ones_is_certified_where_another_is_not() -> None:
    of = np.array(["a", "b"] * 400)
    made = certify(np.tile(np.linspace(0, 1, 400), 2), of == "b", {}, strata=[*of]).stratified
    assert made is not None
    assert (made.threshold("a", 0.02), made.threshold("b", 0.5)) == (0.0, None)
    assert made.threshold("c", 0.9) is None
    zero = 1 - (DELTA / 2) ** (1 / 400)
    assert made.bound[0][-1] == pytest.approx(1 - (DELTA / 2) ** (1 / made.count[0][0]))
    assert made.any_good[0][-1] == pytest.approx(1 - (DELTA / 10) ** (1 / 400))
    assert zero < made.any_good[0][-1]


@pytest.mark.parametrize(("bad", "count"), [(0, 80), (1, 100), (4, 400), (30, 1000)])
@pytest.mark.parametrize("rate", [0.005, 0.02, 0.1])
def test_what_is_needed_is_enough(bad: int, count: int, rate: float) -> None:
    needed = samples_needed(bad, count, rate, 0.01)
    if needed is None:
        assert bad / count >= rate
        return
    found = upper_bounds(np.array([bad * needed // count]), np.array([needed]), 0.01)[0]
    assert found <= rate + 1e-12
    if not bad:
        assert upper_bounds(np.array([0]), np.array([needed - 1]), 0.01)[0] > rate
        assert comb(needed, 0) * (1 - rate) ** needed <= 0.01


def test_nobody_is_told_how_many_where_too_many_are_bad() -> None:
    assert samples_needed(5, 50, 0.1, 0.1) is None
    assert samples_needed(0, 0, 0.1, 0.1) == samples_needed(0, 9, 0.1, 0.1)


def test_reviews_certify_strata_by_their_own_draws() -> None:
    confidence = np.full(40, 0.9)
    bad = np.where(np.arange(40) % 2, 0.0, np.nan)  # nobody looked at the first class
    reviewed = Reviewed(confidence, bad, ("0", "1"))
    made = reviewed.certificate({"score": "s"})
    assert made.threshold(0.9) is None
    assert made.stratified is not None
    assert made.stratified.count[:, 0].tolist() == [0, 20]
    expected = anytime_bounds(np.array([0]), np.array([20]), DELTA / 2)
    assert made.stratified.bound[1, 0] == pytest.approx(expected[0])
    assert made.note["until"] == reviewed.until == 40


def test_a_class_that_became_worse_contradicts_what_was_certified_of_it() -> None:
    """Of four classes; over all of them the rate is below what was certified of all."""
    rng, draws = np.random.default_rng(5), 4000
    confidence, of = rng.random(draws), np.arange(draws) % 4
    bad = (rng.random(draws) < np.array([0.001, 0.001, 0.001, 0.06])[of]).astype(float)
    made = Reviewed(confidence, bad, CLASSES).certificate({"score": "s"})
    worse = (rng.random(draws) < np.array([0.04, 0.001, 0.001, 0.001])[of]).astype(float)
    both = Reviewed(np.tile(confidence, 2), np.concatenate([bad, worse]), CLASSES)
    found = both.contradiction(made, draws)
    assert found.stratum == "0"
    assert found.evidence > 1 / DELTA
    unaware = both.contradiction(replace(made, stratified=None), draws)
    assert unaware.evidence < 1 / DELTA


def test_certificates_of_classes_are_contradicted_no_more_often_than_their_risk() -> None:
    rng, draws, wrong = np.random.default_rng(6), 400, 0
    for _ in range(REPEATS):
        of, confidence = np.arange(draws) % 4, rng.random(draws)
        chance = BASE[of] + SLOPE[of] * (1 - confidence)
        levels = np.concatenate([np.linspace(0.5, 0, 51), ANY_GOOD])
        made = certify(confidence, rng.random(draws) < chance, NOTE, strata=[*map(str, of)])
        assert made.stratified is not None
        exact = replace(  # all that is certified is just so
            made.stratified,
            bound=true_rates(levels[:51]),
            confidence=levels[:51],
            any_good=true_rates(ANY_GOOD),
        )
        all_ = true_rates(made.confidence).mean(0)
        promise = replace(made, bound=all_, stratified=exact)
        bad = (rng.random(draws) < chance).astype(float)
        found = Reviewed(confidence, bad, CLASSES).contradiction(promise)
        wrong += found.evidence >= 1 / DELTA
    assert wrong <= binom.ppf(0.999, REPEATS, DELTA)


def test_it_is_stored_with_the_certificate() -> None:
    tables = {"propagated": tabulate(np.linspace(0, 1, 99))[None, None]}
    known = Measurements((Measured(named("heun", 20), {}, {"propagated": 0.0}),))
    rng = np.random.default_rng(0)
    made = certify(rng.random(400), rng.random(400) < 0.1, NOTE, strata=["0", "1"] * 200)
    plain = Calibration("propagated", ("",), tables, {"draws": 99}, known, conformal=made)
    read = Calibration.decode(plain.encode()).conformal
    assert read is not None
    assert read.version == made.version
    assert read.note == made.note
    said = read.summary()[STRATA]
    assert [*said] == ["0", "1"]
    assert made.stratified is not None
    for level, bound in said["0"]["thresholds"]:
        assert made.stratified.threshold("0", bound) == level
    without = replace(made, stratified=None)
    assert Conformal.read(without.tensors(), NOTED).stratified is None
    assert without.version != made.version


NOTE = {"judge": "eye", "score": "propagated", "delta": 0.1}
NOTED = '{"judge": "eye", "score": "propagated", "delta": 0.1}'


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("bound", None, "lacks strata/bound"),
        ("bound", np.ones((2, 3)), "shapes"),
        ("any_good", np.ones((2, 1)), "strata/any_good"),
        ("confidence", np.linspace(0, 1, 51), "does not fall"),
        ("any_good", np.zeros((2, len(ANY_GOOD))), "no rate"),
        ("bad", np.full((2, 51), 1e9), "more than"),
    ],
    ids=str,
)
def test_a_table_that_is_none_is_refused(part, value, message) -> None:
    rng = np.random.default_rng(0)
    made = certify(rng.random(400), rng.random(400) < 0.1, NOTE, strata=["0", "1"] * 200)
    assert made.stratified is not None
    tensors = made.stratified.tensors()
    assert tuple(tensors) == PARTS
    tensors = {n: (value if n == part else e) for n, e in tensors.items()}
    with pytest.raises(ValueError, match=message):
        Stratified.read({n: e for n, e in tensors.items() if e is not None}, ("0", "1"))
