"""Calibration, early stopping and halving know no family, and serve this one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sureflow.confidence.calibration import Calibration
from sureflow.evaluation.reference import calibrate, measure
from sureflow.families.tokens import FAMILY
from sureflow.families.tokens.operations import Resample
from sureflow.families.tokens.setting import CONDITIONED
from sureflow.families.tokens.spec import TokenSpec
from sureflow.model import Model
from sureflow.sampling.sample import edit, sample


@pytest.fixture(scope="module")
def calibrated(letters: Model) -> Model:
    made = calibrate(letters, 400, method="ancestral", steps=8, score="surprise", quiet=True)
    wanted = [FAMILY.parse_setting("confidence:4")]
    return letters.recalibrated(measure(letters, made, 400, 3, wanted, quiet=True))


def test_confidence_is_uniform(calibrated: Model) -> None:
    samples = sample(calibrated, 400, 5, steps=8, capacity=64)
    found = np.sort([one.confidence for one in samples])
    assert np.abs(found - np.linspace(0, 1, 400)).max() < 1.36 * (2 / 400) ** 0.5 + 0.02
    assert {one.confidence_holds for one in samples} == {True}


def test_it_knows_lanes_with_a_condition_from_those_without(calibrated: Model) -> None:
    made = calibrated.calibration
    assert made is not None
    assert made.strata == (CONDITIONED, "")
    given = {"size": np.ones(1, np.float32)}
    (one,) = sample(calibrated, 1, 5, steps=8, condition=given)
    assert one.confidence_holds


def test_it_is_kept_in_a_file(calibrated: Model) -> None:
    made = calibrated.calibration
    assert made is not None
    again = Calibration.decode(made.encode())
    assert again.references == made.references
    lane = TokenSpec(0, 0, steps=8, scores=("surprise",))
    assert again.confidence("surprise", 5.0, lane) == made.confidence("surprise", 5.0, lane)


def test_confidence_is_measured_at_other_settings(calibrated: Model) -> None:
    assert calibrated.calibration is not None
    measured = calibrated.calibration.measured.of[1]
    assert dict(measured.setting.key)["method"] == "confidence"
    assert measured.error["pseudo_likelihood"] < 0.1
    options: dict[str, Any] = {"scores": ("pseudo_likelihood",), "capacity": 64}
    samples = sample(calibrated, 200, 6, method="confidence", steps=4, **options)
    found = np.array([one.confidence for one in samples])
    assert found.mean() == pytest.approx(0.5, abs=0.1)
    (hot,) = sample(calibrated, 1, 6, steps=8, temperature=1.5)
    assert hot.confidence_holds is False


def test_hopeless_lanes_are_abandoned_and_few_good_ones(calibrated: Model) -> None:
    assert calibrated.calibration is not None
    assert "surprise" in calibrated.calibration.early
    whole = sample(calibrated, 200, 8, steps=8, capacity=64)
    early = sample(calibrated, 200, 8, steps=8, capacity=64, early=0.5)
    good = np.array([(one.confidence or 0) >= 0.5 for one in whole])
    kept = np.array([one.finish_reason == "converged" for one in early])
    assert (~kept).sum() > 10
    assert (good & ~kept).sum() <= 0.1 * good.sum()
    assert sum(o.evaluations for o in early) < sum(o.evaluations for o in whole)


def test_an_edit_is_ranked_and_not_called_calibrated(calibrated: Model) -> None:
    (whole,) = sample(calibrated, 1, 5, steps=8)
    (edited,) = edit(calibrated, whole, 4, [Resample()], seed=3)
    assert edited.confidence is not None
    assert edited.confidence_holds is False
    (gone_on,) = edit(calibrated, whole, 4)
    assert gone_on.confidence_holds


@pytest.mark.parametrize(
    "text", ["ancestral:64", "remasking:16/0.8", "first_hitting:1", "confidence:8@2"]
)
def test_a_setting_is_read_as_it_is_written(text: str) -> None:
    one = FAMILY.parse_setting(text)
    lane = TokenSpec(0, 0, one.record()["method"], int(one.value))  # type: ignore[arg-type]
    lane = replace(lane, guidance=one.numbers["guidance"], temperature=one.numbers["temperature"])
    assert FAMILY.setting(lane) == one


@pytest.mark.parametrize("text", ["heun:20", "ancestral:x", "ancestral:0", ":3"])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not of the form METHOD:STEPS"):
        FAMILY.parse_setting(text)
