"""Confidence at other settings, by fresh draws that nothing was fitted to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stubs import Open, model_of

from sureflow.confidence.calibration import precision
from sureflow.confidence.quantile_map import LEAST_DRAWS, LIMIT, distance
from sureflow.confidence.ranges import calibrated_for
from sureflow.confidence.recalibration import CHECK_DRAWS, Recalibration
from sureflow.core.lane import Sample
from sureflow.core.setting import Setting
from sureflow.evaluation.reference import calibrate, measure
from sureflow.families.flow.setting import draws, named, usual
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.networks import GaussianMixture
from sureflow.sampling.sample import run

COARSE, FINE = named("euler", 12), named("euler", 24)
WANTED = (COARSE, FINE, named("rk4", 5), named("ab2", None, 0.03))
COUNT, FEW = 1000, 500
"""Samples looked at; few where a fault is far beyond the bound."""


@pytest.fixture(scope="module")
def model() -> Model:
    """Three modes in the plane."""
    net = GaussianMixture([[2.0, 2.0], [-2.0, 1.0], [0.0, -2.5]], [0.5, 0.3, 0.2], [0.3, 0.2, 0.4])
    plain = model_of(net)
    return replace(plain, calibration=calibrate(plain, draws=1000, steps=12, quiet=True))


@pytest.fixture(scope="module")
def measured(model: Model) -> Model:
    assert model.calibration is not None
    return replace(model, calibration=measure(model, model.calibration, 600, 4, WANTED, True))


def drawn(model: Model, setting: Setting, *scores: str) -> list[Sample]:
    lanes = draws(model.card, setting)
    specs = [
        replace(lanes[index % len(lanes)], seed=5, index=index, scores=scores)
        for index in range(COUNT)
    ]
    return run(model, specs, capacity=250)


def off(samples: list[Sample]) -> float:
    """Of confidence from uniform."""
    return distance(np.array([sample.confidence for sample in samples]))


@pytest.mark.parametrize("setting", [*WANTED, COARSE.at(17)], ids=str)
def test_where_it_says_so_confidence_is_uniform(measured: Model, setting: Setting) -> None:
    """Within the limit and the errors of the reference draws and of those here; between two
    settings as well, at a number of steps that nothing was tried at. A sample has the confidence
    of its first score; that of the second is looked up as for a sample that has it first."""
    first, second = "likelihood", "path_residual"
    samples = drawn(measured, setting, first, second)
    others = [
        measured.confidence(sample.scores[second], replace(sample.spec, scores=(second,)))
        for sample in samples
    ]
    bound = LIMIT + 1.36 * (2 / COUNT) ** 0.5
    assert {sample.confidence_holds for sample in samples} == {True}
    assert off(samples) < bound
    assert {holds for _, holds in others} == {True}
    assert distance(np.array([confidence for confidence, _ in others])) < bound


def test_a_score_that_cannot_be_interpolated_is_not_said_to_be(measured: Model) -> None:
    """``trajectory`` counts from 0.8 on, which is no time on most grids."""
    assert measured.calibration is not None
    ranges = measured.calibration.measured.ranges
    between = [setting for n in range(13, 24) if (setting := COARSE.at(n))]
    errors = {
        check.setting: check.error["trajectory"]
        for check in measured.calibration.measured.of
        if check.between is not None and check.setting.line == COARSE.line
    }
    tried = errors[COARSE.at(17)]
    said = {calibrated_for(ranges, "trajectory", setting) for setting in between}
    assert said == {tried <= LIMIT}


def test_without_being_measured_it_is_not_uniform_and_says_so(model: Model) -> None:
    samples = drawn(model, COARSE, "path_residual")
    assert {sample.confidence_holds for sample in samples} == {False}
    assert off(samples) > 0.15


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


def test_usual_settings_are_those_of_the_model(model: Model) -> None:
    found = usual(model.card, [named("heun", 12)])
    assert named("euler", 20) in found
    assert {(one.record()["grid"], one.numbers["guidance"]) for one in found} == {("uniform", 1)}
    scales = [named("heun", 12), named("heun", 12, guidance=2.0)]
    assert named("rk4", 10, guidance=2.0) in usual(model.card, scales)


@pytest.mark.parametrize(
    ("count", "seed", "setting", "complaint"),
    [
        (400, 1_000_003, COARSE, "seed: .* reference draws"),
        (LEAST_DRAWS - 1, 4, COARSE, "draws: 99 are too few"),
        (400, 4, replace(COARSE, comparable=False), "sampler: "),
        (400, 4, named("nobody", 3), "method: 'nobody' is unknown"),
    ],
)
def test_what_tells_nothing_is_refused(
    model: Model, count: int, seed: int, setting: Setting, complaint: str
) -> None:
    assert model.calibration is not None
    with pytest.raises(ValueError, match=complaint):
        measure(model, model.calibration, count, seed, [setting], True)


@pytest.mark.parametrize(("count", "calibrated"), [(LEAST_DRAWS - 1, False), (LEAST_DRAWS, True)])
def test_nothing_is_calibrated_by_few_draws(model: Model, count: int, calibrated: bool) -> None:
    made = calibrate(model, count, method="euler", steps=3, quiet=True)
    assert made.calibrated_for("propagated", FlowSpec(0, 0, "euler", 3)) is calibrated
    assert made.summary()["precision"] == precision(count) > 0.13


def test_some_settings_are_measured_again_and_the_rest_stays(measured: Model) -> None:
    before = measured.calibration
    assert before is not None
    after = measure(measured, before, 1200, 4, [COARSE], quiet=True)
    assert [each.setting for each in after.measured.of] == [e.setting for e in before.measured.of]
    for old, new in zip(before.measured.of, after.measured.of, strict=True):
        if old.setting == COARSE:
            assert new.error["propagated"] < old.error["propagated"], "more draws, less doubt"
        else:
            assert new.maps.keys() == old.maps.keys()
            assert dict(new.error) == dict(old.error)


@pytest.fixture(scope="module")
def twins() -> Model:
    """Two classes of unlike spread, so that solvers treat them differently."""
    net = Open(
        means=[[2.0, 2.0], [-2.0, 1.0], [0.0, 0.0], [0.3, 0.4]],
        weights=[0.3, 0.2, 0.3, 0.2],
        covariances=[0.3, 0.2, 0.02, 0.5],
        labels=[0, 0, 1, 1],
    )
    plain = model_of(net)
    return replace(plain, calibration=calibrate(plain, 400, [1.0, 2.0], steps=12, quiet=True))


@pytest.mark.slow
def test_many_draws_tell_the_strata_apart_and_need_no_others_beside_them(
    twins: Model,
) -> None:
    """With one map for all strata, the distance is 0.11 to 0.4."""
    before = twins.calibration
    assert before is not None
    coarse = named("euler", 5)
    plan = Recalibration(before, twins.card, [coarse], 3 * 600, 4)
    assert plan.counts == {coarse: 1800, coarse.at(11): CHECK_DRAWS, named("heun", 12): CHECK_DRAWS}
    made = replace(twins, calibration=measure(twins, before, 1800, 4, [coarse], True))
    for label in (0, 1, None):
        specs = [FlowSpec(6, i, "euler", 5, label, scores=("path_residual",)) for i in range(FEW)]
        samples = run(made, specs, capacity=250)
        assert {sample.confidence_holds for sample in samples} == {True}
        assert off(samples) < LIMIT + 1.36 / FEW**0.5


def test_a_scale_outside_of_all_tables_can_be_calibrated(twins: Model) -> None:
    """By the tables of other scales the distance is 0.5."""
    before = twins.calibration
    assert before is not None
    lane = FlowSpec(6, 0, "heun", 12, 1, 4.0, scores=("pooled_residual",))
    (unknown,) = run(twins, [lane])
    assert (unknown.confidence, unknown.confidence_holds) == (None, None)
    strong = named("heun", 12, guidance=4.0)
    made = replace(twins, calibration=measure(twins, before, 1500, 4, [strong], True))
    samples = run(made, [replace(lane, index=i) for i in range(FEW)], capacity=250)
    assert {sample.confidence_holds for sample in samples} == {True}
    assert off(samples) < LIMIT + 1.36 / FEW**0.5
