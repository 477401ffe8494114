"""Confidence at other settings, by fresh draws that nothing was fitted to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stubs import model_of

from sureflow.confidence.shift import Setting
from sureflow.core.lane import Sample
from sureflow.evaluation.elsewhere import measure, settings
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.networks import GaussianMixture
from sureflow.sampling.sample import run

COARSE = Setting("euler", 12)
WANTED = (COARSE, Setting("rk4", 5), Setting("ab2", tolerance=0.03))


@pytest.fixture(scope="module")
def model() -> Model:
    """Three modes in the plane."""
    net = GaussianMixture([[2.0, 2.0], [-2.0, 1.0], [0.0, -2.5]], [0.5, 0.3, 0.2], [0.3, 0.2, 0.4])
    plain = model_of(net)
    return replace(plain, calibration=calibrate(plain, draws=1000, steps=12, quiet=True))


@pytest.fixture(scope="module")
def measured(model: Model) -> Model:
    assert model.calibration is not None
    other = measure(model, model.calibration, 700, 4, WANTED, quiet=True)
    return replace(model, calibration=replace(model.calibration, other=other))


def drawn(model: Model, setting: Setting, score: str) -> list[Sample]:
    steps = setting.steps or 1
    return run(
        model,
        [
            FlowSpec(5, i, setting.method, steps, tolerance=setting.tolerance, scores=(score,))
            for i in range(1000)
        ],
        capacity=64,
    )


def distance(samples: list[Sample]) -> float:
    """Of confidence from uniform."""
    said = np.sort([sample.confidence for sample in samples])
    places = np.arange(len(said))
    return float(max((said - places / len(said)).max(), ((places + 1) / len(said) - said).max()))


@pytest.mark.parametrize("setting", WANTED, ids=str)
@pytest.mark.parametrize("score", ["likelihood", "path_residual"])
def test_where_it_says_so_confidence_is_uniform(
    measured: Model, setting: Setting, score: str
) -> None:
    """Within the limit and the errors of the reference draws and of those here."""
    samples = drawn(measured, setting, score)
    assert {sample.confidence_holds for sample in samples} == {True}
    assert distance(samples) < 0.05 + 1.36 * (2 / 1000) ** 0.5


def test_without_being_measured_it_is_not_uniform_and_says_so(model: Model) -> None:
    samples = drawn(model, COARSE, "path_residual")
    assert {sample.confidence_holds for sample in samples} == {False}
    assert distance(samples) > 0.15


def test_reference_settings_hold_as_they_are(model: Model, measured: Model) -> None:
    spec = FlowSpec(3, 0, "heun", 12)
    before, after = run(model, [spec])[0], run(measured, [spec])[0]
    assert before.confidence == after.confidence
    assert before.confidence_holds
    assert after.confidence_holds


def test_a_sample_that_ran_out_of_steps_does_not_hold(measured: Model) -> None:
    lane = FlowSpec(3, 0, "ab2", tolerance=0.03)
    whole, cut = run(measured, [lane, replace(lane, max_steps=4)])
    assert (whole.finish_reason, whole.confidence_holds) == ("converged", True)
    assert (cut.finish_reason, cut.confidence_holds) == ("max_steps", False)


def test_settings_are_those_of_the_model(model: Model) -> None:
    assert model.calibration is not None
    found = settings(model, model.calibration)
    assert Setting("euler", 20) in found
    assert all(setting.grid == "uniform" and setting.guidance == 1 for setting in found)
    scales = replace(model.calibration, guidance=np.array([1.0, 2.0]))
    assert Setting("rk4", 10, guidance=2.0) in settings(model, scales)


def test_other_noises_than_those_of_the_tables(model: Model) -> None:
    assert model.calibration is not None
    with pytest.raises(ValueError, match="reference draws"):
        measure(model, model.calibration, 10, model.calibration.settings["seed"])


def test_some_settings_are_measured_again_and_the_rest_stays(measured: Model) -> None:
    assert measured.calibration is not None
    before = measured.calibration.other
    assert before is not None
    again = measure(measured, measured.calibration, 1500, 4, [COARSE], quiet=True)
    after = before.renewed(again)
    settings_of = [[shift.setting for shift in each.shifts] for each in (before, after)]
    assert settings_of[0] == settings_of[1]
    for old, new in zip(before.shifts, after.shifts, strict=True):
        if old.setting == COARSE:
            assert new.error["propagated"] < old.error["propagated"], "more draws, less doubt"
        else:
            assert new.curves.keys() == old.curves.keys()
            assert dict(new.error) == dict(old.error)
