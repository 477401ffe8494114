"""Margins read late on the path without the label: known by hand."""

import math

import pytest
import torch
from stubs import Scripted, model_of
from torch import Tensor

from sureflow.core.card import ModelCard
from sureflow.core.lane import Branch
from sureflow.families.flow.scores.class_margin import READ
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import ADAPTIVE_METHODS
from sureflow.model import Model
from sureflow.moments import Moments
from sureflow.networks import Classifier, NetworkOutput
from sureflow.sampling.sample import run

MARGIN = ("class_margin",)


class Clock(Scripted):
    """Velocity 1; what can be read is the time, and 100 where a label is told."""

    def __init__(self) -> None:
        super().__init__(lambda x, t, label: torch.ones_like(x), classes=3)
        self.probe_channels = 2

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
        out = super().run(x, t, label, noisy)
        told = torch.where(label < 3, 100.0, 0.0)
        return NetworkOutput(out.mean, out.variance, hidden=torch.stack([t, told], 1))


def clock() -> Model:
    """Logits ``(0, t, -1)``, and 100 more of class 2 for one that is told its label."""
    network = Clock()
    weight = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])[..., None]
    network.attach(
        Classifier(weight, torch.tensor([0.0, 0.0, -1.0]), {"data": "none"}), "classifier"
    )
    return model_of(network)


def margin(label: int, t: float) -> float:
    """Of class 1, which is ahead, over the label, or minus its lead over class 0."""
    return {0: t, 1: -t, 2: t + 1}[label]


@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize(
    ("method", "steps", "t"),
    [
        ("euler", 20, READ),
        ("heun", 20, READ),
        ("ab2", 20, READ),
        ("euler", 4, 0.75),
        ("heun", 2, 1.0),
        ("midpoint", 4, 0.75),
    ],
)
def test_the_margin_is_read_at_the_first_evaluation_late_on_the_path(
    label: int, method: str, steps: int, t: float
) -> None:
    specs = [FlowSpec(0, 0, method, steps, label, scores=scores) for scores in (MARGIN, ())]
    made, plain = run(clock(), specs)
    assert made.scores["class_margin"] == pytest.approx(margin(label, t), abs=1e-5)
    assert made.evaluations == plain.evaluations + 2, "and once more early"
    assert made.data.tobytes() == plain.data.tobytes()


def test_under_guidance_it_is_free_and_still_reads_without_the_label() -> None:
    (made,) = run(clock(), [FlowSpec(0, 0, "euler", 20, 0, 2.0, scores=MARGIN)])
    assert made.scores["class_margin"] == pytest.approx(margin(0, READ), abs=1e-5)
    assert made.evaluations == 40


def test_steps_that_end_before_it_asks_leave_no_score() -> None:
    for steps in (1, 3):
        (made,) = run(clock(), [FlowSpec(0, 0, "euler", steps, 0, scores=MARGIN)])
        assert math.isnan(made.scores["class_margin"])
        assert made.evaluations == steps + (steps > 1), "the early evaluation alone"


@pytest.mark.parametrize("method", ADAPTIVE_METHODS)
def test_adaptive_lanes_ask_at_most_once_a_time(method: str) -> None:
    specs = [FlowSpec(0, 0, method, label=1, tolerance=0.01, scores=s) for s in (MARGIN, ())]
    made, plain = run(clock(), specs)
    assert -1 <= made.scores["class_margin"] <= -READ
    assert made.evaluations - plain.evaluations in (1, 2)


def test_on_the_way_the_early_cosine_foretells_it_until_it_is_read() -> None:
    """Velocity 1, with the label and without: no difference, so the cosine is 0."""
    heard: dict[float, float] = {}
    run(clock(), [FlowSpec(0, 0, "euler", 20, 0, scores=MARGIN)],
        listener=lambda lane, t, known: heard.setdefault(round(t, 2), float(known[0])))  # fmt: skip
    assert math.isnan(heard[0.1])
    assert [heard[t] for t in (0.15, 0.5, 0.65)] == [0, 0, 0]
    assert heard[0.7] == pytest.approx(margin(0, READ), abs=1e-5)
    assert heard[0.95] == pytest.approx(margin(0, READ), abs=1e-5)


def test_company_does_not_matter(unet: Model) -> None:
    drawn = torch.Generator().manual_seed(0)
    weight = torch.randn(3, 32, 4, generator=drawn)
    unet.network.attach(Classifier(weight, torch.zeros(3), {"data": "none"}), "classifier")
    specs = [FlowSpec(1, i, "heun", 5, i % 3, 1 + i % 2, scores=MARGIN) for i in range(7)]
    for made in run(unet, specs, capacity=7):
        (alone,) = run(unet, [made.spec])
        assert alone.scores == made.scores
        assert math.isfinite(alone.scores["class_margin"])


def test_a_branch_to_another_label_asks_again() -> None:
    model = clock()
    parent = FlowSpec(0, 0, "euler", 20, 0, scores=MARGIN)
    child = FlowSpec(0, 1, "euler", 20, 2, scores=MARGIN, origin=Branch(parent, 17))
    (made,) = run(model, [child])
    assert made.scores["class_margin"] == pytest.approx(margin(2, 0.85), abs=1e-5)
    same = FlowSpec(0, 1, "euler", 20, 0, scores=MARGIN, origin=Branch(parent, 17))
    (made,) = run(model, [same])
    assert made.scores["class_margin"] == pytest.approx(margin(0, READ), abs=1e-5)


def test_what_has_none_says_why(mixture: Model) -> None:
    bare = model_of(Scripted(lambda x, t, label: x, classes=1))
    with pytest.raises(ValueError, match="class_margin needs a classifier, and test has none"):
        bare.check(FlowSpec(0, 0, label=0, scores=MARGIN))
    with pytest.raises(ValueError, match="class_margin compares a label with none"):
        clock().check(FlowSpec(0, 0, scores=MARGIN))
    card: ModelCard = clock().card
    assert card.classified
