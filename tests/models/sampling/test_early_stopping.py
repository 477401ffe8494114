"""Lanes that are given up on the way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stubs import model_of

from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.networks import GaussianMixture
from sureflow.sampling.sample import run

SPECS = [FlowSpec(9, index, "heun", 20) for index in range(300)]


@pytest.fixture(
    scope="module",
    params=["propagated", pytest.param("path_residual", marks=pytest.mark.slow)],
)
def model(request: pytest.FixtureRequest) -> Model:
    """Three modes in the plane, calibrated."""
    net = GaussianMixture([[2.0, 2.0], [-2.0, 1.0], [0.0, -2.5]], [0.5, 0.3, 0.2], [0.3, 0.2, 0.4])
    plain = model_of(net)
    calibration = calibrate(plain, draws=800, score=request.param, quiet=True)
    return replace(plain, calibration=calibration)


def test_half_of_the_lanes_cost_less_and_the_others_are_untouched(model: Model) -> None:
    finished = run(model, SPECS)
    early = run(model, [replace(spec, early=0.5) for spec in SPECS])
    abandoned = [sample for sample in early if sample.finish_reason == "abandoned"]
    assert len(abandoned) > 40
    for before, after in zip(finished, early, strict=True):
        if after.finish_reason == "abandoned":
            assert after.confidence is None
            assert after.abandoned_at is not None
            assert 0.05 - 1e-9 <= after.abandoned_at <= 0.95
            assert after.evaluations < before.evaluations
        else:
            assert np.array_equal(before.data, after.data)
            assert before.confidence == after.confidence
    passing = [s.spec.index for s in finished if s.confidence is not None and s.confidence >= 0.5]
    lost = {sample.spec.index for sample in abandoned} & set(passing)
    assert len(lost) <= 0.02 * len(passing) + 3


def test_company_does_not_decide_who_is_abandoned(model: Model) -> None:
    specs = [replace(spec, early=0.5) for spec in SPECS[:60]]
    together = run(model, specs, capacity=16)
    for spec, sample in zip(specs[::7], together[::7], strict=True):
        alone = run(model, [spec], capacity=1)[0]
        assert (alone.finish_reason, alone.abandoned_at, alone.scores) == (
            sample.finish_reason,
            sample.abandoned_at,
            sample.scores,
        )


def test_without_tables_nobody_is_abandoned(model: Model) -> None:
    plain = replace(model, calibration=None)
    specs = [replace(spec, early=0.9) for spec in SPECS[:20]]
    assert {sample.finish_reason for sample in run(plain, specs)} == {"converged"}


def test_the_calibration_keeps_its_tables(model: Model, tmp_path) -> None:
    assert model.calibration is not None
    model.calibration.save(tmp_path / "c.safetensors")
    read = type(model.calibration).load(tmp_path / "c.safetensors")
    assert read.summary() == model.calibration.summary()
    (score,) = read.early
    assert np.array_equal(read.early[score].bounds, model.calibration.early[score].bounds)
