"""Calibration, early stopping and halving know no family, and serve this one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sureflow.confidence.calibration import Calibration
from sureflow.evaluation.reference import calibrate
from sureflow.families.counts import FAMILY
from sureflow.families.counts.spec import CountSpec
from sureflow.model import Model
from sureflow.sampling.sample import run


@pytest.fixture(scope="module")
def calibrated(cells: Model) -> Model:
    made = calibrate(cells, 300, steps=8, score="entropy", quiet=True)
    return replace(cells, calibration=made)


def test_confidence_is_a_share_of_its_class(calibrated: Model) -> None:
    samples = run(calibrated, [CountSpec(4, i, steps=8, label=i % 2) for i in range(300)], 64)
    assert {one.confidence_holds for one in samples} == {True}
    for label in (0, 1):
        found = np.sort([one.confidence for one in samples if one.spec.label == label])
        assert np.abs(found - np.linspace(0, 1, len(found))).max() < 0.15


def test_it_is_kept_in_a_file(calibrated: Model) -> None:
    made = calibrated.calibration
    assert made is not None
    assert Calibration.decode(made.encode()).references == made.references


def test_few_good_ones_are_abandoned(calibrated: Model) -> None:
    lanes = [CountSpec(8, i, steps=8, label=i % 2) for i in range(200)]
    whole = run(calibrated, lanes, 64)
    early = run(calibrated, [replace(lane, early=0.5) for lane in lanes], 64)
    good = np.array([(one.confidence or 0) >= 0.5 for one in whole])
    kept = np.array([one.finish_reason == "converged" for one in early])
    assert (~kept).sum() > 10
    assert (good & ~kept).sum() <= 0.1 * good.sum()


@pytest.mark.parametrize("text", ["bridge:20", "unit:200@2", "tau:50"])
def test_a_setting_is_read_as_it_is_written(text: str) -> None:
    one = FAMILY.parse_setting(text)
    method, steps = text.partition("@")[0].split(":")
    scale = one.numbers["guidance"]
    lane = CountSpec(0, 0, method, int(steps), 0 if scale != 1 else None, scale)
    assert FAMILY.setting(lane) == one


@pytest.mark.parametrize("text", ["heun:20", "bridge", "bridge:x"])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not of the form METHOD:STEPS"):
        FAMILY.parse_setting(text)
