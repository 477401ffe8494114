import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from stubs import Scripted, model_of

from sureflow.lane import METHODS, LaneSpec
from sureflow.sampling.noise import Purpose, normal
from sureflow.sampling.sample import run

ORDERS = {"euler": 1, "heun": 2, "midpoint": 2, "rk4": 4}


@pytest.mark.parametrize("method", METHODS)
def test_convergence_order(method: str) -> None:
    """x' = 2 sin(2x + t): the error falls with the method's order."""
    net = Scripted(lambda x, t, label: 2 * torch.sin(2 * x + t[:, None]))
    start = normal((2,), 5, 0, Purpose.START).numpy()
    fine = solve_ivp(lambda t, x: 2 * np.sin(2 * x + t), (0, 1), start, rtol=1e-10, atol=1e-10)

    def error(steps: int) -> float:
        (sample,) = run(model_of(net), [LaneSpec(5, 0, method, steps)])
        return float(np.abs(sample.data - fine.y[:, -1]).max())

    steps = 12 if method == "rk4" else 64
    observed = math.log2(error(steps) / error(2 * steps))
    assert abs(observed - ORDERS[method]) < 0.4


@pytest.mark.parametrize("method", METHODS)
def test_uncertainty_is_integrated_with_the_order_of_the_method(method: str) -> None:
    """Sigma = t per component integrates exactly from order two on; euler misses by h / 2."""
    net = Scripted(
        lambda x, t, label: torch.zeros_like(x),
        lambda x, t, label: t[:, None] * torch.tensor([1.0, 3.0]),
    )
    (sample,) = run(model_of(net), [LaneSpec(0, 0, method, 10)])
    missing = 0.05 if method == "euler" else 0.0
    assert sample.map.tolist() == pytest.approx([0.5 - missing, 1.5 - 3 * missing], abs=1e-6)
    assert sample.uncertainty == pytest.approx(sample.map.sum(), rel=1e-6)
    assert sample.t.tolist() == pytest.approx([i / 10 for i in range(10)])
    assert sample.rate.tolist() == pytest.approx([4 * i / 10 for i in range(10)], abs=1e-6)


def test_lanes_at_different_stages_of_different_methods_share_a_tick(mixture) -> None:
    """Mixed in one batch, every lane gets the bytes it gets alone."""
    specs = [
        LaneSpec(seed, index, method, steps, label, guidance)
        for index, (seed, method, steps, label, guidance) in enumerate(
            [
                (1, "euler", 7, None, 1.0),
                (1, "heun", 20, 0, 1.0),
                (2, "rk4", 3, 1, 2.5),
                (3, "midpoint", 11, 1, 0.0),
                (3, "heun", 1, 0, -1.0),
                (4, "rk4", 9, None, 1.0),
            ]
        )
    ]
    together = run(mixture, specs)
    for spec, sample in zip(specs, together, strict=True):
        (alone,) = run(mixture, [spec])
        assert sample.data.tobytes() == alone.data.tobytes()
        assert sample.map.tobytes() == alone.map.tobytes()
        assert sample.evaluations == alone.evaluations
        stages = {"euler": 1, "heun": 2, "midpoint": 2, "rk4": 4}[spec.method]
        assert sample.evaluations == stages * spec.steps * (1 if spec.guidance == 1 else 2)
        assert sample.accepted == spec.steps


def test_a_lane_that_diverges_ends_alone() -> None:
    """Label 1 explodes at t > 0.5; its neighbours do not notice."""

    def velocity(x, t, label):
        bad = (label == 1) & (t > 0.5)
        return torch.where(bad[:, None], torch.inf, -x)

    net = Scripted(velocity, lambda x, t, label: velocity(x, t, label) ** 2, classes=2)
    specs = [LaneSpec(0, i, "heun", 10, label) for i, label in enumerate((0, 1, 0))]
    good, bad, other = run(model_of(net), specs)
    assert bad.finish_reason == "diverged"
    assert bad.confidence == 0
    assert bad.accepted == 5
    assert [good.finish_reason, other.finish_reason] == ["converged", "converged"]
    assert good.data.tobytes() == run(model_of(net), specs[:1])[0].data.tobytes()
