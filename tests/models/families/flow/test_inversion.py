"""From a sample back to its noise, and forward again."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from stubs import model_of

from sureflow.core.lane import Branch, Inverted
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
