"""A model that knows no sample without a label is never asked for one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from stubs import model_of
from torch import Tensor, nn

import sureflow
from sureflow.core.family import family_of
from sureflow.core.schema import InvalidFieldError
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.engine import FlowEngine
from sureflow.families.flow.operation_bodies import ConditionOperation
from sureflow.families.flow.options import Guidance, SamplerOptions
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import METHODS
from sureflow.model import Model
from sureflow.networks import FrozenVelocity
from sureflow.sampling.sample import edit, run


class Strict(nn.Module):
    """Has no embedding of "none", and remembers which labels it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding.from_pretrained(torch.eye(3, 2))
        self.seen: set[int] = set()

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        self.seen |= {*label.tolist()}
        return self.table(label) - x * t[:, None]


@pytest.fixture(scope="module")
def module() -> Strict:
    return Strict()


@pytest.fixture(scope="module")
def model(module: Strict) -> Model:
    network = FrozenVelocity(module, shape=(2,), classes=3, null_label=False)
    found = model_of(network)
    card = replace(found.card, **FlowEngine.facts(network, {}))
    return Model(card, network.eval(), None)


def test_its_card_says_so(model: Model) -> None:
    assert model.card.needs_label
    assert not model.card.null_label
    assert not replace(model.card, classes=()).needs_label
    assert not replace(model.card, null_label=True).needs_label


LANES: list[tuple[dict[str, Any], str]] = [
    ({}, "label: test needs one, 0 .. 2"),
    ({"label": 3}, "label: 3 is unknown"),
    ({"label": 1, "guidance": 2.0}, "guidance: test knows no sample without a label"),
    ({"label": 1, "guidance": 0.0}, "guidance: test knows no sample without a label"),
    ({"label": 1, "scores": ("adherence",)}, "scores: adherence compares a label with none, and"),
]


@pytest.mark.parametrize(("fields", "message"), LANES)
def test_lanes_are_refused_by_their_field(
    model: Model, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        sureflow.sample(model, **fields)


def test_labels_alone_reach_the_network(model: Model, module: Strict) -> None:
    run(model, [FlowSpec(0, 0, label=0)])  # tries block sizes, on rows of all labels
    module.seen.clear()
    first, second = run(model, [FlowSpec(0, 0, label=1), FlowSpec(0, 0, label=2)])
    assert module.seen == {1, 2}
    (other,) = edit(model, first, 0, label=2)
    assert other.data.tobytes() == second.data.tobytes()
    with pytest.raises(ValueError, match=r"^label: test needs one"):
        edit(model, first, 0, label=None)


def _asked(model: Model, label: int | None, scale: float = 1.0) -> Any:
    condition = {} if label is None else {"label": label}
    return family_of(model.card).lane(
        model.card, 0, condition, Guidance(scale=scale), SamplerOptions()
    )


def test_requests_are_refused_by_their_field(model: Model) -> None:
    assert _asked(model, 2).label == 2
    with pytest.raises(InvalidFieldError, match="test needs one; choose from 0 to 2 or") as caught:
        _asked(model, None)
    assert caught.value.field == "condition.label"
    with pytest.raises(InvalidFieldError, match="no sample without a label") as caught:
        _asked(model, 1, 2.0)
    assert caught.value.field == "guidance.scale"
    operation = ConditionOperation(type="condition", scale=3)
    with pytest.raises(InvalidFieldError) as caught:
        family_of(model.card).edit(model.card, FlowSpec(0, 0, label=1), None, [operation], None)
    assert caught.value.field == "operations.0.scale"


def test_what_warms_up_is_what_may_be_asked(model: Model) -> None:
    pairs = zip(family_of(model.card).warm_up_lanes(model.card), METHODS * 2, strict=False)
    lanes = [lane for lane, _ in pairs]
    for lane in lanes:
        model.check(lane)
    assert {sample.finish_reason for sample in run(model, lanes)} == {"converged"}


def test_strata_are_the_classes(model: Model, module: Strict) -> None:
    family = family_of(model.card)
    setting = family.parse_setting("euler:5")
    assert [lane.label for lane in family.draws(model.card, setting)] == [0, 1, 2]
    free = replace(model.card, null_label=True)
    assert [lane.label for lane in family.draws(free, setting)] == [0, 1, 2, None]
    assert family.strata(FlowSpec(0, 0, label=1)) == [("1", 1.0)]
    module.seen.clear()
    made = calibrate(model, 4, [1.0, 2.0], 0, steps=2, quiet=True)
    assert module.seen == {0, 1, 2}
    assert made.quantiles
