"""Margins read on the path without the label: known by hand."""

import math

import pytest
import torch
from stubs import Scripted, model_of, reading_of
from torch import Tensor

from sureflow.core.card import ModelCard
from sureflow.core.lane import Branch
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.scores.class_margin import FORETELLS, READS
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import ADAPTIVE_METHODS
from sureflow.model import Model
from sureflow.moments import Moments
from sureflow.networks import NetworkOutput
from sureflow.networks.state_classifier import StateClassifier
from sureflow.sampling.sample import run

MARGIN = ("class_margin",)


class Clock(Scripted):
    """Velocity 1; what can be read is the time, and 100 where a label is told."""

    def __init__(self, *shape: int) -> None:
        super().__init__(lambda x, t, label: torch.ones_like(x), shape=shape or (2,), classes=3)
        self.probe_channels = 2

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool) -> Moments:
        out = super().run(x, t, label, noisy)
        told = torch.where(label < 3, 100.0, 0.0)
        return NetworkOutput(out.mean, out.variance, hidden=torch.stack([t, told], 1))


def clock() -> Model:
    """Logits ``(0, t, -1)``, and 100 more of class 2 for one that is told its label."""
    network = Clock()
    weight = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])[..., None]
    network.attach(reading_of(weight, torch.tensor([0.0, 0.0, -1.0])), "classifier")
    return model_of(network)


def margin(label: int, t: float) -> float:
    """Of class 1, which is ahead, over the label, or minus its lead over class 0."""
    return {0: t, 1: -t, 2: t + 1}[label]


def worst(label: int, *times: float) -> float:
    """The largest of several readings."""
    return max(margin(label, t) for t in times)


@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize(
    ("method", "steps", "readings"),
    [
        ("euler", 20, (0.2, *READS)),
        ("heun", 20, (0.2, *READS)),
        ("ab2", 20, (0.2, *READS)),
        ("euler", 4, (0.25, 0.5)),
        ("heun", 2, (0.5, 1.0)),
        ("midpoint", 4, (0.25, 0.5)),
        ("midpoint", 10, (0.2, 0.45, 0.9)),
    ],
)
def test_the_larger_margin_counts_of_the_first_evaluations_from_two_times_on(
    label: int, method: str, steps: int, readings: tuple[float, ...]
) -> None:
    specs = [FlowSpec(0, 0, method, steps, label, scores=scores) for scores in (MARGIN, ())]
    made, plain = run(clock(), specs)
    expected = worst(label, *(t for t in readings if t >= READS[0]))
    assert made.scores["class_margin"] == pytest.approx(expected, abs=1e-5)
    assert made.evaluations == plain.evaluations + len(readings)
    assert made.data.tobytes() == plain.data.tobytes()


def test_under_guidance_it_costs_as_much_and_still_reads_without_the_label() -> None:
    (made,) = run(clock(), [FlowSpec(0, 0, "euler", 20, 0, 2.0, scores=MARGIN)])
    assert made.scores["class_margin"] == pytest.approx(margin(0, READS[1]), abs=1e-5)
    assert made.evaluations == 40 + 3


def test_steps_that_end_before_it_is_read_leave_no_score() -> None:
    for steps in (1, 2):
        (made,) = run(clock(), [FlowSpec(0, 0, "euler", steps, 0, scores=MARGIN)])
        assert math.isnan(made.scores["class_margin"]) == (steps == 1)
        assert made.evaluations == steps + (steps > 1)


@pytest.mark.parametrize("method", ADAPTIVE_METHODS)
def test_adaptive_lanes_are_read_at_most_once_a_time(method: str) -> None:
    specs = [FlowSpec(0, 0, method, label=1, tolerance=0.01, scores=s) for s in (MARGIN, ())]
    made, plain = run(clock(), specs)
    assert -1 <= made.scores["class_margin"] <= -READS[0]
    assert made.evaluations - plain.evaluations in (1, 2, 3)


def test_on_the_way_an_early_reading_foretells_it_and_then_it_only_grows() -> None:
    heard: dict[float, float] = {}
    run(clock(), [FlowSpec(0, 0, "euler", 20, 0, scores=MARGIN)],
        listener=lambda lane, t, known: heard.setdefault(round(t, 2), float(known[0])))  # fmt: skip
    assert math.isnan(heard[0.15])
    for since, times in ((FORETELLS, (0.2, 0.4)), (READS[0], (0.45, 0.85)), (READS[1], (0.9,))):
        for t in times:
            assert heard[t] == pytest.approx(margin(0, since), abs=1e-5)


def test_images_are_read_themselves_too() -> None:
    """Of the state alone: the mean of both logits, at a time that it is told."""
    torch.manual_seed(0)
    state = StateClassifier(1, 3).frozen()
    network, first = Clock(1, 8, 8), torch.tensor([1.0, 0.0, 0.0])
    network.attach(reading_of(torch.zeros(3, 2, 1), first, state), "classifier")
    (made,) = run(model_of(network), [FlowSpec(4, 0, "euler", 20, 2, scores=MARGIN)])
    start = torch.from_numpy(made.data) - 1
    found = []
    for t in READS:
        x = (start + t)[None]
        logits = (first + state(x, torch.tensor([t]))[0]) / 2
        found.append(float(logits[:2].max() - logits[2]))
    assert made.scores["class_margin"] == pytest.approx(max(found), abs=1e-4)


def test_company_does_not_matter(unet: Model) -> None:
    drawn = torch.Generator().manual_seed(0)
    weight = torch.randn(3, 32, 4, generator=drawn)
    unet.network.attach(reading_of(weight, torch.zeros(3)), "classifier")
    specs = [FlowSpec(1, i, "heun", 5, i % 3, 1 + i % 2, scores=MARGIN) for i in range(7)]
    for made in run(unet, specs, capacity=7):
        (alone,) = run(unet, [made.spec])
        assert alone.scores == made.scores
        assert math.isfinite(alone.scores["class_margin"])


def test_a_branch_to_another_label_is_read_again() -> None:
    model = clock()
    parent = FlowSpec(0, 0, "euler", 20, 1, scores=MARGIN)
    child = FlowSpec(0, 1, "euler", 20, 2, scores=MARGIN, origin=Branch(parent, 12))
    (made,) = run(model, [child])
    assert made.scores["class_margin"] == pytest.approx(worst(2, 0.6, READS[1]), abs=1e-5)
    same = FlowSpec(0, 1, "euler", 20, 1, scores=MARGIN, origin=Branch(parent, 12))
    (made,) = run(model, [same])
    assert made.scores["class_margin"] == pytest.approx(worst(1, *READS), abs=1e-5)


def test_a_branch_with_new_noise_is_read_again() -> None:
    """At once, and late: what was read before was of another sample."""
    parent = FlowSpec(0, 0, "euler", 20, 0, scores=MARGIN)
    origin = Branch(parent, 12, (Resample(0.5),))
    (made,) = run(clock(), [FlowSpec(0, 1, "euler", 20, 0, scores=MARGIN, origin=origin)])
    (plain,) = run(clock(), [FlowSpec(0, 1, "euler", 20, 0, scores=MARGIN)])
    (bare,) = run(clock(), [FlowSpec(0, 1, "euler", 20, 0, origin=origin)])
    assert made.scores["class_margin"] == pytest.approx(margin(0, READS[1]), abs=1e-5)
    assert plain.evaluations == 20 + 3
    assert made.evaluations == bare.evaluations + 4, "two of them after the branch"


def test_what_has_none_says_why(mixture: Model) -> None:
    bare = model_of(Scripted(lambda x, t, label: x, classes=1))
    with pytest.raises(ValueError, match="class_margin needs a classifier, and test has none"):
        bare.check(FlowSpec(0, 0, label=0, scores=MARGIN))
    with pytest.raises(ValueError, match="class_margin compares a label with none"):
        clock().check(FlowSpec(0, 0, scores=MARGIN))
    card: ModelCard = clock().card
    assert card.classified
