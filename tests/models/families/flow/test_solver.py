import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from stubs import Scripted, model_of

from sureflow.core.draw import Purpose, normal
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import METHODS, TABLEAUS
from sureflow.sampling.sample import run

ORDERS = {name: 2 if t.exponential else t.order for name, t in TABLEAUS.items()}
"""The tableau of an exponential method is that of its first step, which is of order one."""

EXACT_IN_TIME = [name for name in METHODS if not TABLEAUS[name].exponential]
"""Those that integrate a velocity which depends on the time alone as their order says."""

EVALUATIONS = {"euler": 1, "heun": 2, "midpoint": 2, "ab2": 1, "bosh3": 3, "rk4": 4, "dopri5": 6}


@pytest.mark.parametrize("method", METHODS)
def test_convergence_order(method: str) -> None:
    """x' = 2 sin(2x + t): the error falls with the method's order."""
    net = Scripted(lambda x, t, label: 2 * torch.sin(2 * x + t[:, None]))
    start = normal((2,), 5, 0, Purpose.START).numpy()
    fine = solve_ivp(lambda t, x: 2 * np.sin(2 * x + t), (0, 1), start, rtol=1e-10, atol=1e-10)

    def error(steps: int) -> float:
        (sample,) = run(model_of(net), [FlowSpec(5, 0, method, steps)])
        return float(np.abs(sample.data - fine.y[:, -1]).max())

    steps = {1: 64, 2: 64, 3: 32, 4: 12, 5: 6}[ORDERS[method]]
    observed = math.log2(error(steps) / error(2 * steps))
    assert observed > ORDERS[method] - 0.4
    if method != "dopri5":  # float32 leaves no room between its first regime and rounding
        assert observed < ORDERS[method] + 0.4


@pytest.mark.parametrize("method", EXACT_IN_TIME)
def test_uncertainty_is_integrated_with_the_order_of_the_method(method: str) -> None:
    """Sigma = t per component integrates exactly from order two on; euler misses by h / 2."""
    net = Scripted(
        lambda x, t, label: torch.zeros_like(x),
        lambda x, t, label: t[:, None] * torch.tensor([1.0, 3.0]),
    )
    (sample,) = run(model_of(net), [FlowSpec(0, 0, method, 10)])
    missing = 0.05 if method == "euler" else 0.0
    assert sample.map.tolist() == pytest.approx([0.5 - missing, 1.5 - 3 * missing], abs=1e-6)
    assert sample.uncertainty == pytest.approx(sample.map.sum(), rel=1e-6)
    assert sample.t.tolist() == pytest.approx([i / 10 for i in range(10)])
    assert sample.rate.tolist() == pytest.approx([4 * i / 10 for i in range(10)], abs=1e-6)


def test_lanes_at_different_stages_of_different_methods_share_a_tick(mixture) -> None:
    """Mixed in one batch, every lane gets the bytes it gets alone."""
    specs = [
        FlowSpec(seed, index, method, steps, label, guidance)
        for index, (seed, method, steps, label, guidance) in enumerate(
            [
                (1, "euler", 7, None, 1.0),
                (1, "heun", 20, 0, 1.0),
                (2, "rk4", 3, 1, 2.5),
                (3, "midpoint", 11, 1, 0.0),
                (3, "heun", 1, 0, -1.0),
                (4, "rk4", 9, None, 1.0),
                (5, "ab2", 8, 1, 1.0),
                (5, "ab2", 1, 0, 1.5),
                (6, "bosh3", 4, None, 1.0),
                (6, "dopri5", 3, 0, 1.0),
            ]
        )
    ]
    together = run(mixture, specs)
    for spec, sample in zip(specs, together, strict=True):
        (alone,) = run(mixture, [spec])
        assert sample.data.tobytes() == alone.data.tobytes()
        assert sample.map.tobytes() == alone.map.tobytes()
        assert sample.evaluations == alone.evaluations
        evaluations = EVALUATIONS[spec.method] * spec.steps + (spec.method == "ab2")
        assert sample.evaluations == evaluations * (1 if spec.guidance == 1 else 2)
        assert sample.accepted == spec.steps


@pytest.mark.parametrize("method", ["euler", "heun", "midpoint", "bosh3", "rk4", "dopri5"])
def test_a_fixed_grid_is_the_textbook_operation_by_operation(method: str) -> None:
    """The same bytes as a loop over steps and stages: float64 times, float32 states."""
    net = Scripted(lambda x, t, label: t[:, None] - x * x, lambda x, t, label: x * x + t[:, None])
    tableau = TABLEAUS[method]
    x, map = normal((2,), 5, 0, Purpose.START)[None], torch.zeros(1, 2)
    for step in range(7):
        t, h = step / 7, (step + 1) / 7 - step / 7
        k, variances = [], []
        for row, c in zip(tableau.a, tableau.c, strict=True):
            point = moved(x, h, row, k)
            out = net.moments(point, torch.tensor([t + c * h], dtype=torch.float32))
            k.append(out.mean)
            variances.append(out.variance)
        x, map = moved(x, h, tableau.b, k), moved(map, h, tableau.b, variances)
    (sample,) = run(model_of(net), [FlowSpec(5, 0, method, 7)])
    assert sample.data.tobytes() == x.numpy().tobytes()
    assert sample.map.tobytes() == map.numpy().tobytes()


def moved(start, h, weights, stages):
    for weight, stage in zip(weights, stages, strict=True):
        if weight:
            start = start + torch.tensor(h * weight, dtype=torch.float32) * stage
    return start


def test_adams_bashforth_weighs_two_velocities() -> None:
    """One step of Heun, then 3/2 of this velocity and -1/2 of the one before."""
    net = Scripted(lambda x, t, label: t[:, None].square().expand_as(x).clone())
    start = normal((2,), 5, 0, Purpose.START).numpy()
    (sample,) = run(model_of(net), [FlowSpec(5, 0, "ab2", 4)])
    v = [0, 1 / 16, 4 / 16, 9 / 16]
    first = (v[0] + v[1]) / 2
    rest = sum(1.5 * v[i] - 0.5 * v[i - 1] for i in (1, 2, 3))
    assert sample.data - start == pytest.approx((first + rest) / 4, abs=1e-6)


def test_a_lane_that_diverges_ends_alone() -> None:
    """Label 1 explodes at t > 0.5; its neighbours do not notice."""

    def velocity(x, t, label):
        bad = (label == 1) & (t > 0.5)
        return torch.where(bad[:, None], torch.inf, -x)

    net = Scripted(velocity, lambda x, t, label: velocity(x, t, label) ** 2, classes=2)
    specs = [FlowSpec(0, i, "heun", 10, label) for i, label in enumerate((0, 1, 0))]
    good, bad, other = run(model_of(net), specs)
    assert bad.finish_reason == "diverged"
    assert bad.confidence == 0
    assert bad.accepted == 5
    assert [good.finish_reason, other.finish_reason] == ["converged", "converged"]
    assert good.data.tobytes() == run(model_of(net), specs[:1])[0].data.tobytes()
