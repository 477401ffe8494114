"""Certified bad rates against populations whose bad rates are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta, binom

from sureflow.confidence.calibration import Calibration
from sureflow.confidence.certificate import DELTA, Conformal, certify, first_threshold, upper_bounds
from sureflow.confidence.measured import Measured, Measurements
from sureflow.confidence.quantile_table import LEVELS, tabulate
from sureflow.families.flow.setting import named

SHAPES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "logistic": lambda u: 0.002 + 0.6 / (1 + np.exp(-12 * (u - 0.7))),
    "straight": lambda u: 0.3 * u**2,
    "a step": lambda u: np.where(u < 0.4, 0.005, 0.3),
    "the surest are worst": lambda u: np.where(u < 0.1, 0.04, 0.01),
}
"""Chance that a sample is bad; ``u``, uniform in [0, 1], is the share that is surer."""

RATES = (0.01, 0.03, 0.1)
GRID = (np.arange(20_000) + 0.5) / 20_000
REPEATS = 200


@pytest.mark.parametrize("shape", SHAPES)
def test_the_true_bad_rate_is_within_the_bound_nine_times_in_ten(shape: str) -> None:
    """Over repeated calibrations, tables of confidence included."""
    rng = np.random.default_rng([11, list(SHAPES).index(shape)])
    chance = SHAPES[shape]
    true = np.cumsum(chance(GRID)) / np.arange(1, len(GRID) + 1)
    accepted = np.zeros((REPEATS, len(RATES)), int)
    for repeat in range(REPEATS):
        table, u = tabulate(rng.random(1000)), rng.random(2000)
        confidence = 1 - np.interp(u, table, np.linspace(0, 1, LEVELS))
        certified = certify(confidence, rng.random(2000) < chance(u), {})
        for place, rate in enumerate(RATES):
            threshold = certified.threshold(rate)
            if threshold is not None:
                surest = np.interp(1 - threshold, np.linspace(0, 1, LEVELS), table)
                accepted[repeat, place] = (surest >= GRID).sum()
    for rate, counts in zip(RATES, accepted.T, strict=True):
        broken = (counts > 0) & (true[counts - 1] > rate)
        assert broken.sum() <= binom.ppf(0.999, REPEATS, DELTA), rate
        first = int((1 - first_threshold(2000)) * len(GRID))
        if true[first] <= 0.4 * rate:
            possible = np.flatnonzero(true <= 0.7 * rate)[-1]
            assert np.median(counts) >= 0.8 * possible, "it accepts what it could"


def test_a_certificate_can_be_wrong() -> None:
    """At a constant rate just above the asked one every certificate is; some tenth is given."""
    rng = np.random.default_rng(5)
    given = [
        certify(rng.random(1000), rng.random(1000) < 0.0501, {}).threshold(0.05) is not None
        for _ in range(300)
    ]
    assert 5 <= sum(given) <= binom.ppf(0.999, 300, DELTA)


@pytest.mark.parametrize("delta", [0.1, 0.01])
def test_the_bound_is_clopper_and_pearsons(delta: float) -> None:
    bad = np.array([0, 0, 1, 7, 150, 1900, 1999])
    count = np.array([1, 230, 400, 400, 2000, 2000, 2000])
    expected = beta.ppf(1 - delta, bad + 1, count - bad)
    assert upper_bounds(bad, count, delta) == pytest.approx(expected, abs=1e-9)
    assert (upper_bounds(bad, count, delta) >= expected - 1e-12).all()


def test_without_samples_or_without_good_ones_nothing_is_certified() -> None:
    assert upper_bounds(np.array([0, 3]), np.array([0, 3])).tolist() == [1.0, 1.0]
    nothing = certify(np.full(500, np.nan), np.zeros(500, np.bool_), {})
    assert nothing.threshold(0.99) is None


def test_one_failure_ends_the_sequence() -> None:
    """Whatever comes after it: the bounds never fall."""
    confidence = np.linspace(0, 1, 2001)
    clean = certify(confidence, np.zeros(2001, np.bool_), {})
    assert clean.threshold(0.01) == 0.0
    spoilt = certify(confidence, confidence >= 0.9, {})
    assert spoilt.threshold(0.1) is None
    assert (np.diff(spoilt.bound) >= 0).all()
    late = certify(confidence, (confidence >= 0.4) & (confidence < 0.5), {})
    assert late.threshold(0.01) == 0.5


@pytest.mark.parametrize(
    ("draws", "threshold"), [(100, 0.5), (1600, 0.5), (2000, 0.6), (8000, 0.9), (10**6, 0.99)]
)
def test_where_the_sequence_begins_is_told_by_the_number_of_draws(draws, threshold) -> None:
    assert first_threshold(draws) == pytest.approx(threshold, abs=1e-12)


@pytest.mark.parametrize("bad", [False, True])
def test_the_thresholds_go_down_from_there_to_0(bad: bool) -> None:
    made = certify(np.random.default_rng(1).random(4000), np.full(4000, bad), {})
    assert made.confidence == pytest.approx(np.linspace(0.8, 0, 81))
    assert (made.threshold(0.01) == 0) is not bad


NOTE = {"judge": "eye", "method": "heun", "steps": 20, "score": "propagated", "guidance": 1.0}


def made() -> Conformal:
    rng = np.random.default_rng(0)
    confidence = rng.random(400)
    return certify(confidence, rng.random(400) > confidence + 0.2, NOTE)


def test_the_card_has_the_pairs_and_how_they_came_about() -> None:
    said = made().summary()
    assert said.pop("thresholds") == [
        [confidence, bound]
        for confidence, bound in zip(made().confidence, made().bound, strict=True)
    ]
    assert 0 < said.pop("bad_rate") < 1
    assert said == {**NOTE, "draws": 400, "delta": 0.1}


def test_it_is_stored_with_the_calibration(tmp_path) -> None:
    tables = {"propagated": tabulate(np.linspace(0, 1, 99))[None, None]}
    known = Measurements((Measured(named("heun", 20), {}, {"propagated": 0.0}),))
    plain = Calibration("propagated", ("",), tables, {"draws": 99}, known)
    plain.save(tmp_path / "c.safetensors")
    assert Calibration.load(tmp_path / "c.safetensors").conformal is None
    assert "conformal" not in plain.summary()
    judged = replace(plain, conformal=made())
    judged.save(tmp_path / "c.safetensors")
    read = Calibration.load(tmp_path / "c.safetensors")
    assert [*read.quantiles] == ["propagated"]
    assert read.summary() == judged.summary()
    assert read.summary()["conformal"] == made().summary()


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "lacks judged/confidence"),
        ({"confidence": np.ones(2), "bound": np.ones(3)}, "shapes"),
        ({"confidence": np.arange(2), "bound": np.arange(2)}, "does not fall"),
    ],
)
def test_a_table_that_is_none_is_refused(tensors, message) -> None:
    with pytest.raises(ValueError, match=message):
        Conformal.read(tensors, "{}")
