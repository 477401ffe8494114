"""Scores of scripted velocities, whose integrals are known by hand."""

import math

import numpy as np
import pytest
import torch
from stubs import Scripted, model_of
from torch import Tensor

from sureflow.core.path import broadcast
from sureflow.families.flow.scores.catalogue import SCORES
from sureflow.families.flow.spec import FlowSpec
from sureflow.networks import GaussianMixture
from sureflow.sampling.sample import run, sample

FREE = tuple(
    n for n, m in SCORES.items() if not (m.needs_condition or m.costs_rows or m.needs_probe)
)
SIZE = 2


def growing(variance: float = 0.5, classes: int = 0) -> Scripted:
    """Velocity ``2t`` in both components, so that ``u = 1``."""
    return Scripted(
        lambda x, t, label: broadcast(2 * t, x).expand_as(x).clone(),
        lambda x, t, label: torch.full_like(x, variance),
        shape=(SIZE,),
        classes=classes,
    )


@pytest.mark.parametrize("method", ["rk4", "bosh3", "dopri5"])
def test_integrals_of_a_growing_velocity(method: str) -> None:
    """``int (2t)^2 = 4/3`` and ``u^2 = 1``: these solvers integrate squares of time exactly."""
    (made,) = run(model_of(growing()), [FlowSpec(0, 0, method, 4, scores=FREE)])
    assert made.scores["propagated"] == pytest.approx(SIZE * 0.5)
    assert made.scores["straightness"] == pytest.approx(SIZE / 3, rel=1e-5)
    assert made.scores["path_residual"] == pytest.approx(1 / 3 / 0.5, rel=1e-5)
    assert made.scores["pooled_residual"] == pytest.approx(1 / 3 / 0.5, rel=1e-5)
    assert made.uncertainty == made.scores["propagated"]
    assert made.score == "propagated"


def test_a_straight_path_has_no_detour_and_no_indecision() -> None:
    net = Scripted(lambda x, t, label: torch.full_like(x, 3.0))
    for method in ("euler", "heun", "ab2"):
        (made,) = run(model_of(net), [FlowSpec(0, 0, method, 7, scores=FREE)])
        assert made.scores["straightness"] == pytest.approx(0, abs=1e-4)
        assert made.scores["path_residual"] == pytest.approx(0, abs=1e-4)
        assert made.scores["trajectory"] == pytest.approx(0, abs=1e-8)


def test_the_late_part_alone() -> None:
    """``Sigma = t`` in two components: ``2 int_0.5^1 t dt = 3/4``."""
    net = Scripted(
        lambda x, t, label: x * 0, lambda x, t, label: broadcast(t, x).expand_as(x).clone()
    )
    (made,) = run(model_of(net), [FlowSpec(0, 0, "midpoint", 10, scores=FREE)])
    assert made.scores["propagated_late"] == pytest.approx(0.75, rel=1e-5)


def test_a_pooled_variance_weighs_components_alike() -> None:
    """``v = 2t`` with variances 1 and 3: ``1/3 (1 + 1/3) / 2`` and ``1/3 / 2``."""
    net = Scripted(
        lambda x, t, label: broadcast(2 * t, x).expand_as(x).clone(),
        lambda x, t, label: torch.tensor([1.0, 3.0]).expand_as(x).clone(),
    )
    (made,) = run(model_of(net), [FlowSpec(0, 0, "rk4", 4, scores=FREE)])
    assert made.scores["path_residual"] == pytest.approx(2 / 9, rel=1e-5)
    assert made.scores["pooled_residual"] == pytest.approx(1 / 6, rel=1e-5)


def test_trajectory_is_the_variance_of_late_predictions() -> None:
    """With Euler and velocity ``2t`` the prediction at ``t_k`` is known from the steps before."""
    steps = 20
    (made,) = run(model_of(growing()), [FlowSpec(0, 0, "euler", steps, scores=("trajectory",))])
    t = np.arange(steps) / steps
    reached = np.cumsum(np.concatenate([[0], 2 * t[:-1] / steps]))
    predicted = (reached + (1 - t) * 2 * t)[t >= 0.8 - 1e-9]
    assert made.scores["trajectory"] == pytest.approx(SIZE * predicted.var(), rel=1e-4)


def test_adherence_compares_with_no_condition() -> None:
    """Velocity 1 for label 0 and -2 for none, so ``u = 1``, 1.5 from the middle per component."""
    net = Scripted(
        lambda x, t, label: torch.where(broadcast(label, x) == 0, 1.0, -2.0).expand_as(x).clone(),
        classes=1,
    )
    spec = FlowSpec(0, 0, "euler", 10, 0, scores=("adherence",))
    (made,) = run(model_of(net), [spec])
    assert made.scores["adherence"] == pytest.approx(-1.5 * math.sqrt(SIZE), rel=1e-6)
    assert made.evaluations == 11, "one more row, once"
    (guided,) = run(model_of(net), [FlowSpec(0, 0, "euler", 10, 0, 2.0, scores=("adherence",))])
    # u = -2 + 2 (1 + 2) = 4, 4.5 from the middle
    assert guided.scores["adherence"] == pytest.approx(-4.5 * math.sqrt(SIZE), rel=1e-6)
    assert guided.evaluations == 20, "both velocities are there anyway"


@pytest.mark.parametrize("method", ["heun", "bosh3", "ab2"])
def test_adherence_of_adaptive_lanes_costs_one_row(method: str) -> None:
    net = growing(classes=1)
    plain, asked = (
        run(model_of(net), [FlowSpec(0, 0, method, label=0, tolerance=0.01, scores=scores)])[0]
        for scores in ((), ("propagated", "adherence"))
    )
    assert asked.evaluations == plain.evaluations + 1
    assert np.array_equal(asked.data, plain.data)
    assert asked.scores["adherence"] == pytest.approx(0, abs=1e-6)


def test_adherence_of_a_path_that_is_over_too_soon_is_not_a_number() -> None:
    (made,) = run(
        model_of(growing(classes=1)), [FlowSpec(0, 0, "euler", 1, 0, scores=("adherence",))]
    )
    assert math.isnan(made.scores["adherence"])


CONTRAST = ("adherence_contrast",)


def late_help(pull: float) -> Scripted:
    """Of two components the first is explained by label 0 early, the second halfway by ``pull``.

    Velocity (1, 1) with the label; without, (0, 1) before t = 0.4 and (1, 1 - pull) after.
    """

    def velocity(x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        late = broadcast(t, x) >= 0.4
        early_null = torch.tensor([0.0, 1.0]).expand_as(x)
        late_null = torch.tensor([1.0, 1.0 - pull]).expand_as(x)
        null = torch.where(late, late_null, early_null)
        return torch.where(broadcast(label, x) == 0, torch.ones_like(x), null)

    return Scripted(velocity, classes=1)


def test_contrast_is_adherence_early_less_halfway_as_cosines() -> None:
    """``u = (1, 1)`` is met by the label exactly: cosine -1 where the label makes a difference."""
    for method, rows in (("euler", 22), ("heun", 42), ("ab2", 23)):
        (needed,) = run(model_of(late_help(2.0)), [FlowSpec(0, 0, method, 20, 0, scores=CONTRAST)])
        assert needed.scores["adherence_contrast"] == pytest.approx(0, abs=1e-6)
        (settled,) = run(model_of(late_help(0.0)), [FlowSpec(0, 0, method, 20, 0, scores=CONTRAST)])
        assert settled.scores["adherence_contrast"] == pytest.approx(-1, abs=1e-6)
        assert settled.evaluations == rows, "two more rows"


def test_contrast_under_guidance_is_free_and_of_the_plain_velocities() -> None:
    """Guided by 2 early the first component moves at 2 for .4 of the time: ``u = (1.4, 1)``.

    Early its middle is (.5, 1), .9 away along the difference; late there is no difference.
    """
    spec = FlowSpec(0, 0, "euler", 20, 0, 2.0, scores=CONTRAST)
    (made,) = run(model_of(late_help(0.0)), [spec])
    assert made.scores["adherence_contrast"] == pytest.approx(-1, abs=1e-6)
    assert made.evaluations == 40
    (pulled,) = run(model_of(late_help(2.0)), [spec])
    # late the second component moves at 1 + 2 from .4 on: u = (1.4, 2.2)
    early = -0.9 / math.hypot(0.9, 1.2)
    late = -2.2 / math.hypot(0.4, 2.2)
    assert pulled.scores["adherence_contrast"] == pytest.approx(early - late, abs=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_contrast_of_steps_too_long_to_ask_twice_is_not_a_number(steps: int) -> None:
    """Each answer has its own stretch of time; of three steps one begins in each."""
    (made,) = run(model_of(late_help(1.0)), [FlowSpec(0, 0, "euler", steps, 0, scores=CONTRAST)])
    assert math.isnan(made.scores["adherence_contrast"]) == (steps < 3)
    assert made.evaluations == {1: 1, 2: 2, 3: 5}[steps]


def test_both_kinds_of_adherence_share_an_evaluation_where_they_ask_at_once() -> None:
    """At ten steps .1 and .2 differ; at five, both ask at t = .2."""
    for steps, rows in ((10, 13), (5, 7)):
        scores = ("adherence", "adherence_contrast")
        (made,) = run(model_of(late_help(0.0)), [FlowSpec(0, 0, "euler", steps, 0, scores=scores)])
        assert made.evaluations == rows
        assert made.scores["adherence"] == pytest.approx(-0.5)
        assert made.scores["adherence_contrast"] == pytest.approx(-1)


@pytest.mark.parametrize("method", ["heun", "rk4"])
def test_likelihood_of_a_gaussian(method: str) -> None:
    """Exact variance of ``N(0, s^2)``: minus the log-density of the end point."""
    for deviation in (0.5, 1.0, 2.0):
        net = GaussianMixture([[0.0, 0.0]], [1.0], [deviation])
        for made in run(model_of(net), [FlowSpec(1, i, method, 60, scores=FREE) for i in range(5)]):
            square = float(np.square(made.data, dtype=np.float64).sum())
            truth = 0.5 * square / deviation**2 + math.log(2 * math.pi * deviation**2)
            assert made.scores["likelihood"] == pytest.approx(truth, abs=0.1)


def test_scores_do_not_depend_on_company_nor_on_each_other() -> None:
    net = GaussianMixture([[1.0, 1.0], [-1.0, 0.5]], [0.4, 0.6], [0.3, 0.2], labels=[0, 1])
    model = model_of(net)
    crowd = [
        FlowSpec(
            3,
            i,
            method,
            9,
            i % 2,
            1.0 + (i % 3),
            None if i % 4 else tolerance,
            scores=tuple(name for name in SCORES if name != "class_margin"),
        )
        for i, (method, tolerance) in enumerate(
            [("heun", 0.02), ("euler", None), ("ab2", 0.02), ("bosh3", 0.01), ("rk4", None)] * 3
        )
    ]
    together = run(model, crowd, capacity=7)
    for spec, made in zip(crowd, together, strict=True):
        assert run(model, [spec], capacity=1)[0].scores == made.scores
        for name in ("straightness", "likelihood"):
            one = FlowSpec(
                spec.seed, spec.index, spec.method, spec.steps, spec.label, spec.guidance,
                spec.tolerance, scores=(name,),
            )  # fmt: skip
            assert run(model, [one])[0].uncertainty == made.scores[name]


def test_parallel_steps_give_the_scores_of_single_ones() -> None:
    net = GaussianMixture([[1.0, 1.0], [-1.0, 0.5]], [0.4, 0.6], [0.3, 0.2])
    plain, parallel = (
        run(
            model_of(net),
            [
                FlowSpec(5, i, "euler", 12, parallel=p, parallel_tolerance=0.0, scores=FREE)
                for i in range(4)
            ],
        )
        for p in (0, 5)
    )
    assert [made.scores for made in parallel] == [made.scores for made in plain]


@pytest.mark.parametrize(
    ("scores", "label", "match"),
    [(("nothing",), 0, "unknown"), (("adherence",), None, "needs one")],
)
def test_scores_that_cannot_be_gathered_are_refused(scores, label, match) -> None:
    with pytest.raises(ValueError, match=match):
        sample(model_of(growing(classes=1)), 1, scores=scores, label=label)
