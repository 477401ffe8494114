"""From a sample back to its noise, and forward again."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from stubs import model_of

from sureflow.core.lane import Branch, Inverted
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import GaussianMixture
from sureflow.sampling.sample import run


def drawn(model, count: int) -> np.ndarray:
    return model.network.draw(count, torch.Generator().manual_seed(1)).float().numpy()


def test_a_sample_of_the_flow_has_its_noise_found(mixture) -> None:
    fine = FlowSpec(3, 0, "dopri5", tolerance=1e-5)
    (made,) = run(mixture, [fine])
    (again,) = run(mixture, [replace(fine, origin=Inverted(made.data))])
    np.testing.assert_allclose(again.start, made.start, atol=1e-3)
    np.testing.assert_allclose(again.data, made.data, atol=1e-3)
    assert again.inversion_error < 1e-3
    assert made.inversion_error is None


def test_the_error_falls_with_the_tolerance(mixture) -> None:
    data = drawn(mixture, 12)

    def error(**fields) -> float:
        specs = [FlowSpec(0, i, origin=Inverted(x), **fields) for i, x in enumerate(data)]
        mixture.check(specs[0])
        return float(np.median([sample.inversion_error for sample in run(mixture, specs)]))

    adaptive = [error(method="dopri5", tolerance=tolerance) for tolerance in (1e-2, 1e-3, 1e-5)]
    assert adaptive[0] > adaptive[1] > adaptive[2]
    assert adaptive[1] < 1e-2
    fixed = [error(method="heun", steps=steps) for steps in (5, 20, 80)]
    assert fixed[0] > fixed[1] > fixed[2]


def test_a_gaussian_is_inverted_in_closed_form() -> None:
    """``x1 ~ N(m, s^2)``: the flow maps ``x0`` to ``m + s x0``."""
    model = model_of(GaussianMixture([[1.0, -2.0]], [1.0], [0.5]))
    data = np.array([1.5, -1.0], np.float32)
    (made,) = run(model, [FlowSpec(0, 0, "rk4", 30, origin=Inverted(data))])
    np.testing.assert_allclose(made.start, [1.0, 2.0], atol=1e-4)
    assert made.evaluations == 2 * 4 * 30
    assert made.accepted == 30


def test_likelihood_of_given_data(mixture) -> None:
    data = drawn(mixture, 20)
    specs = [
        FlowSpec(0, i, "dopri5", tolerance=1e-5, scores=("likelihood",), origin=Inverted(x))
        for i, x in enumerate(data)
    ]
    scores = [sample.scores["likelihood"] for sample in run(mixture, specs)]
    exact = -mixture.network.log_density(torch.from_numpy(data), torch.ones(len(data))).numpy()
    np.testing.assert_allclose(scores, exact, atol=0.05)


GIVEN = np.array([[-0.4, 0.1], [0.05, -0.3], [3.0, 3.0], [2.1, 0.2]], np.float32)
"""Where the flow divides, where nothing is, and in a mode."""


def divided():
    return model_of(
        GaussianMixture([[2.0, 0.0], [-2.0, 0.0], [0.0, 2.0]], [1.0, 1.0, 2.0], [0.1, 0.1, 0.3])
    )


def test_the_likelihood_is_of_what_was_given_also_if_it_does_not_come_back() -> None:
    """It was that of what came back, which of the first lies nearer to a mode."""
    model = divided()
    specs = [
        FlowSpec(0, i, "dopri5", tolerance=1e-4, scores=("likelihood",), origin=Inverted(x))
        for i, x in enumerate(GIVEN)
    ]
    made = run(model, specs)
    assert made[0].inversion_error > 0.3
    assert made[0].confidence is None

    def exact(x: np.ndarray) -> np.ndarray:
        return -model.network.log_density(torch.from_numpy(x), torch.ones(len(x))).numpy()

    found = [sample.scores["likelihood"] for sample in made]
    np.testing.assert_allclose(found, exact(GIVEN), atol=0.1)
    assert exact(made[0].data[None])[0] < exact(GIVEN)[0] - 2


@pytest.mark.parametrize("score", ["likelihood", "divergence"])
@pytest.mark.parametrize("method", ["rk4", "heun", "ab2"])
def test_a_gaussian_has_its_likelihood_in_closed_form(score: str, method: str) -> None:
    """Of an isotropic one the divergence along any signs is exact."""
    model = model_of(GaussianMixture([[1.0, -2.0]], [1.0], [0.5]))
    data = np.array([[1.5, -1.0], [4.0, 0.5]], np.float32)
    specs = [
        FlowSpec(0, i, method, 60, scores=(score,), origin=Inverted(x)) for i, x in enumerate(data)
    ]
    exact = np.square((data - [1.0, -2.0]) / 0.5).sum(1) / 2 + np.log(2 * np.pi * 0.25)
    found = [sample.scores[score] for sample in run(model, specs)]
    np.testing.assert_allclose(found, exact, rtol=1e-2)


def test_a_score_that_costs_costs_on_both_ways(mixture) -> None:
    spec = FlowSpec(0, 0, "heun", 8, origin=Inverted(drawn(mixture, 1)[0]))
    for scores, each in ((("likelihood",), 1), (("divergence", "likelihood"), 2)):
        (made,) = run(mixture, [replace(spec, scores=scores)])
        assert made.evaluations == 2 * 2 * 8 * each


def test_what_is_made_otherwise_of_given_data_has_its_own_likelihood() -> None:
    """From a kept frame and without one; a branch that changes nothing is of the given sample."""
    model = divided()
    parent = FlowSpec(
        0, 0, "dopri5", tolerance=1e-4, scores=("likelihood",), origin=Inverted(GIVEN[0])
    )
    (made,) = run(model, [replace(parent, keep="all")])
    step = made.accepted // 2
    for frame in (made.frames[step], None):
        same = replace(parent, origin=Branch(parent, step, frame=frame))
        (unchanged,) = run(model, [same])
        assert unchanged.scores == made.scores
        finer = replace(same, tolerance=1e-6)
        edited = replace(same, origin=Branch(parent, step, (Resample(0.5),), frame))
        for spec in (finer, edited):
            (other,) = run(model, [spec])
            density = -model.network.log_density(torch.from_numpy(other.data[None]), torch.ones(1))
            assert other.scores["likelihood"] == pytest.approx(float(density), abs=2)
        assert abs(other.scores["likelihood"] - made.scores["likelihood"]) > 3
    company = [replace(parent, index=1, scores=("divergence", "likelihood")), FlowSpec(1, 1)]
    (*_, beside) = run(model, [*company, replace(parent, keep="all")], 2)
    assert [frame.dump() for frame in beside.frames] == [frame.dump() for frame in made.frames]
    start = replace(parent, origin=Branch(parent, 0, (Resample(),)))
    (anew,) = run(model, [start])
    assert anew.scores["likelihood"] != made.scores["likelihood"]


def test_an_inverted_lane_is_replayed_and_branched(mixture) -> None:
    for method, tolerance in (("heun", None), ("ab2", 1e-2), ("dopri5", 1e-2)):
        data = drawn(mixture, 1)[0]
        spec = FlowSpec(
            0, 0, method, 8, 1, 1.5, tolerance=tolerance, origin=Inverted(data), keep="all"
        )
        (made,) = run(mixture, [spec])
        (again, _) = run(mixture, [spec, FlowSpec(1, 1, "rk4", 5)])
        assert made.data.tobytes() == again.data.tobytes()
        step = made.accepted // 2
        for frame in (made.frames[step], None):
            child = replace(spec, origin=Branch(spec, step, frame=frame), keep=())
            (sample,) = run(mixture, [child])
            assert sample.data.tobytes() == made.data.tobytes()
            assert sample.start.tobytes() == made.start.tobytes()
            assert sample.uncertainty == made.uncertainty
            assert sample.inversion_error is None


@pytest.mark.parametrize(
    "data", [np.ones(3, np.float32), np.ones(2), np.array([1, np.inf], np.float32)]
)
def test_data_of_another_kind_is_refused(mixture, data: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"^data: "):
        mixture.check(FlowSpec(0, 0, origin=Inverted(data)))
