"""What training data leave open, read along the path: known by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from stubs import Scripted, model_of
from torch import Tensor

from sureflow.core.draw import Purpose, normal
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.moments import Moments
from sureflow.networks import Laplace, NetworkOutput
from sureflow.sampling.sample import edit, run


class Straight(Scripted):
    """Velocity 1 with a label and 3 without; what is read is the state."""

    def __init__(self) -> None:
        super().__init__(
            lambda x, t, label: torch.where((label == 0)[:, None], 1.0, 3.0).expand_as(x).clone(),
            classes=1,
        )
        self.probe_channels = 2

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
        out = super().run(x, t, label, noisy)
        return NetworkOutput(out.mean, out.variance, hidden=x)


@pytest.fixture
def model() -> Model:
    """Its training data have states of mean (1, 0) and variances 1 and 1/4."""
    model = model_of(Straight())
    factor = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    laplace = Laplace(torch.tensor([1.0, 0.0]), factor, torch.tensor([3.0]), {})
    model.network.attach(laplace, "laplace")
    return model.varied(card=replace(model.card, laplace={"data": "by hand"}))


def _expected(index: int, moved: float) -> float:
    """Mean over t of ``(1 + (a + m t - 1)^2 + 4 (b + m t)^2) / 3`` from the noise ``(a, b)``."""
    a, b = normal((2,), 5, index, Purpose.START).double().numpy()
    first, second = (z**2 + z * moved + moved**2 / 3 for z in (a - 1, b))
    return float((1 + first + 4 * second) / 3)


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_it_is_the_mean_over_the_path(model: Model, guidance: float) -> None:
    """``rk4`` integrates squares of time exactly. Guided by 2 the velocity is -1."""
    specs = [FlowSpec(5, i, "rk4", 4, 0, guidance, scores=("ignorance",)) for i in range(3)]
    for made in run(model, specs):
        expected = _expected(made.spec.index, 1.0 if guidance == 1 else -1.0)
        assert made.scores["ignorance"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("method", ["ab2", "dopri5"])
def test_other_solvers_come_close(model: Model, method: str) -> None:
    spec = FlowSpec(5, 0, method, label=0, tolerance=0.001, scores=("ignorance",))
    (made,) = run(model, [spec])
    assert made.scores["ignorance"] == pytest.approx(_expected(0, 1.0), rel=0.05)


def test_parallel_lanes_are_read_too(model: Model) -> None:
    plain, parallel = (
        run(model, [FlowSpec(5, 1, "euler", 9, 0, parallel=p, parallel_tolerance=0.0,
                             scores=("ignorance",))])[0]
        for p in (0, 4)
    )  # fmt: skip
    assert parallel.scores == plain.scores
    assert plain.scores["ignorance"] > 0


@pytest.mark.parametrize("method", ["heun", "ab2"])
def test_a_lane_that_goes_on_reads_the_same(model: Model, method: str) -> None:
    spec = FlowSpec(5, 0, method, 8, 0, keep="all", scores=("ignorance", "propagated"))
    (whole,) = run(model, [spec])
    (again,) = edit(model, whole, 4)
    assert again.scores == whole.scores


def test_company_changes_nothing(model: Model) -> None:
    specs = [FlowSpec(1, i, "heun", 5, 0 if i % 3 else None, scores=("ignorance",))
             for i in range(7)]  # fmt: skip
    for spec, made in zip(specs, run(model, specs, capacity=5), strict=True):
        (alone,) = run(model, [spec], capacity=1)
        assert (
            np.float64(alone.scores["ignorance"]).tobytes()
            == np.float64(made.scores["ignorance"]).tobytes()
        )


def test_a_model_that_does_not_know_its_data_refuses() -> None:
    known = model_of(Straight())
    bare = replace(known, card=replace(known.card, laplace={}))
    with pytest.raises(ValueError, match=r"scores: ignorance .*`sureflow ignorance` does that"):
        bare.check(FlowSpec(0, 0, scores=("ignorance",)))
