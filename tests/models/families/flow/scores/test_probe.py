"""Readings along the path, integrated: known by hand."""

import numpy as np
import pytest
import torch
from stubs import Scripted, model_of
from torch import Tensor

from sureflow.core.draw import Purpose, normal
from sureflow.core.halving import Halving
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import ADAPTIVE_METHODS, METHODS, TABLEAUS
from sureflow.moments import Moments
from sureflow.networks import NetworkOutput, Probe
from sureflow.sampling.halved import run_halved
from sureflow.sampling.sample import run


class Straight(Scripted):
    """Velocity 1 with a label and 3 without; what can be probed is the state."""

    def __init__(self) -> None:
        super().__init__(
            lambda x, t, label: torch.where((label == 0)[:, None], 1.0, 3.0).expand_as(x).clone(),
            classes=1,
        )
        self.probe_channels = 2

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
        out = super().run(x, t, label, noisy)
        return NetworkOutput(out.mean, out.variance, hidden=x)


def _model(*knots: list[float]):
    model = model_of(Straight())
    deviations = [0.0, 0.0]
    weight = torch.tensor([[*knot, *deviations] for knot in knots])
    model.network.attach(Probe(weight, torch.tensor([7.0, 100.0]), {}))
    return model


def _noise(index: int) -> np.ndarray:
    return normal((2,), 5, index, Purpose.START).double().numpy()


SELF_STARTING = [m for m in METHODS if m != "euler" and not TABLEAUS[m].multistep]


@pytest.mark.parametrize("method", SELF_STARTING)
def test_a_straight_path_is_read_exactly(method: str) -> None:
    """``x_t = x_0 + t``, read by its first component: ``x_0 + 1/2`` and the offset of label 0.

    By every solver that integrates time itself exactly.
    """
    specs = [FlowSpec(5, i, method, 4, 0, scores=("probe",)) for i in range(3)]
    for made in run(_model([1.0, 0.0], [1.0, 0.0]), specs):
        expected = _noise(made.spec.index)[0] + 0.5 + 7
        assert made.scores["probe"] == pytest.approx(expected, rel=1e-5)


def test_on_the_way_the_rest_of_the_path_is_read_as_its_latest_point() -> None:
    """``x_0 + t`` so far, which is ``0.2 x_0 + 0.02`` at 0.2, and 0.8 of ``x_0 + 0.2``."""
    specs = [FlowSpec(5, i, "heun", 10, 0, scores=("probe",)) for i in range(4)]
    model = _model([1.0, 0.0], [1.0, 0.0])
    (made,) = run_halved(model, [specs], Halving((0.2,), (1,)))
    surest = min(range(4), key=lambda index: float(_noise(index)[0]))
    assert made[surest].rung is None
    for dropped in (sample for sample in made if sample.rung is not None):
        expected = _noise(dropped.spec.index)[0] + 0.18 + 7
        assert dropped.rung.value == pytest.approx(expected, rel=1e-5)


def test_weights_follow_time() -> None:
    """``x_t t`` of the second component: ``x_0 / 2 + 1 / 3``, a square of time for rk4."""
    (made,) = run(_model([0.0, 0.0], [0.0, 1.0]), [FlowSpec(5, 1, "rk4", 3, 0, scores=("probe",))])
    assert made.scores["probe"] == pytest.approx(_noise(1)[1] / 2 + 1 / 3 + 7, rel=1e-5)


def test_a_guided_lane_is_read_under_its_own_label() -> None:
    """``v = 3 + 2 (1 - 3) = -1``; the unconditional row, offset 100, is not read."""
    (made,) = run(
        _model([1.0, 0.0], [1.0, 0.0]), [FlowSpec(5, 2, "heun", 4, 0, 2.0, scores=("probe",))]
    )
    assert made.scores["probe"] == pytest.approx(_noise(2)[0] - 0.5 + 7, rel=1e-5)


@pytest.mark.parametrize("method", ADAPTIVE_METHODS)
def test_no_step_that_was_thrown_away_counts(method: str) -> None:
    spec = FlowSpec(5, 0, method, label=0, tolerance=0.01, scores=("probe",))
    (made,) = run(_model([1.0, 0.0], [1.0, 0.0]), [spec])
    allowed = 0.1 if TABLEAUS[method].multistep else 1e-4
    assert made.scores["probe"] == pytest.approx(_noise(0)[0] + 0.5 + 7, abs=allowed)


def test_the_same_in_parallel(unet) -> None:
    plain, parallel = (
        run(unet, [FlowSpec(1, 0, "euler", 8, 2, parallel=window, parallel_tolerance=0.0,
                            scores=("probe",))])[0]
        for window in (0, 4)
    )  # fmt: skip
    assert parallel.scores["probe"] == plain.scores["probe"] != 0


def test_it_costs_no_evaluations_and_changes_no_sample(unet) -> None:
    plain, read = (
        run(unet, [FlowSpec(1, 0, "heun", 5, 2, scores=scores)])[0]
        for scores in (("propagated",), ("probe", "propagated"))
    )
    assert read.evaluations == plain.evaluations
    assert read.data.tobytes() == plain.data.tobytes()
    assert read.scores["propagated"] == plain.scores["propagated"]


def test_company_does_not_matter(unet) -> None:
    specs = [FlowSpec(1, i, "heun", 5, i % 3, scores=("probe",)) for i in range(7)]
    together = run(unet, specs, capacity=7)
    for made in together:
        (alone,) = run(unet, [made.spec])
        assert alone.scores["probe"] == made.scores["probe"]


def test_a_model_without_a_probe_says_so(mixture) -> None:
    bare = model_of(Scripted(lambda x, t, label: x))
    with pytest.raises(ValueError, match="scores: probe needs a probe, and test has none"):
        bare.check(FlowSpec(0, 0, scores=("probe",)))
    mixture.check(FlowSpec(0, 0, scores=("probe",)))
