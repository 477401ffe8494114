"""A model that needs a condition for every sample is never asked without it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from stubs import model_of
from torch import Tensor, nn

import sureflow
from sureflow.confidence.recalibration import Recalibration
from sureflow.core.condition import described
from sureflow.core.family import family_of
from sureflow.core.schema import InvalidFieldError
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.options import Guidance, SamplerOptions
from sureflow.families.flow.tableau import METHODS
from sureflow.model import Model
from sureflow.networks import FrozenVelocity
from sureflow.sampling.sample import run
from sureflow.training.arrays import Arrays, examples_in
from sureflow.training.points import Points
from sureflow.training.soundness import assess

MARK = 7.0
"""The first component of every condition that is given."""


class Posterior(nn.Module):
    """The exact velocity of ``x1 = c + noise of deviation 0.1``; remembers the conditions."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seen: set[float] = set()

    def forward(self, x: Tensor, t: Tensor, c: Tensor) -> Tensor:
        self.seen |= {*c[:, 0].tolist()}
        t = t[:, None]
        gain = (0.01 * t - (1 - t)) / (0.01 * t**2 + (1 - t) ** 2)
        return self.scale * (c + gain * (x - t * c))


@pytest.fixture
def module() -> Posterior:
    return Posterior()


@pytest.fixture
def model(module: Posterior) -> Model:
    condition = {"kind": "vector", "shape": [2], "required": True}
    network = FrozenVelocity(module, shape=(2,), conditions={"c": condition})
    return model_of(network.eval())


def data(count: int) -> Arrays:
    generator = torch.Generator().manual_seed(0)
    given = torch.randn(count, 2, generator=generator)
    samples = given + 0.1 * torch.randn(count, 2, generator=generator)
    return Arrays(samples, torch.zeros(count, dtype=torch.long), (), "data", {"c": given})


CONDITION = {"c": np.array([MARK, 0.5], np.float32)}


def test_the_card_says_so(model: Model) -> None:
    assert model.card.required == ("c",)
    assert model.card.lacking(None, ()) == "c"
    found = described(model.card)["c"]
    assert found["required"]
    assert found["null"] is None
    free = replace(
        model.card, conditions={"c": replace(model.card.conditions["c"], required=False)}
    )
    assert not free.required
    assert free.lacking(None, ()) is None
    assert "required" not in described(free)["c"]


LANES: list[tuple[dict[str, Any], str]] = [
    ({}, "condition.c: test needs it for every sample"),
    ({"condition": CONDITION, "guidance": 2.0}, "guidance: test knows no sample without c"),
    ({"condition": CONDITION, "scores": ("adherence",)}, "scores: adherence compares a condition"),
]


@pytest.mark.parametrize(("fields", "message"), LANES)
def test_lanes_are_refused_by_their_field(
    model: Model, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        sureflow.sample(model, **fields)


def test_requests_are_refused_by_their_field(model: Model) -> None:
    family, sampler = family_of(model.card), SamplerOptions()
    given = {"c": [MARK, 0.5]}
    assert family.lane(model.card, 0, given, Guidance(), sampler).condition["c"].shape == (2,)
    with pytest.raises(InvalidFieldError, match="needs it") as caught:
        family.lane(model.card, 0, {}, Guidance(), sampler)
    assert caught.value.field == "condition.c"
    with pytest.raises(InvalidFieldError, match="no sample without c") as caught:
        family.lane(model.card, 0, given, Guidance(scale=2.0), sampler)
    assert caught.value.field == "guidance.scale"


def test_what_warms_up_is_what_may_be_asked(model: Model) -> None:
    pairs = zip(family_of(model.card).warm_up_lanes(model.card), METHODS * 2, strict=False)
    lanes = [lane for lane, _ in pairs]
    for lane in lanes:
        model.check(lane)
    assert {sample.finish_reason for sample in run(model, lanes)} == {"converged"}


def test_points_of_training_keep_it(model: Model) -> None:
    drawn, x0 = data(8).draw(8, torch.Generator().manual_seed(1)), torch.zeros(8, 2)
    free = torch.ones(8, dtype=torch.bool)
    found = Points.between(x0, drawn, torch.full((8,), 0.5), free, model.network)
    assert torch.equal(found.given["c"], drawn.conditions["c"])


def test_a_right_network_is_recognised_only_if_it_says_so(module: Posterior, model: Model) -> None:
    """Asked without its condition it would predict something else."""
    assert assess(model.network, data(4000)).problem is None
    condition = {"kind": "vector", "shape": [2]}
    other = FrozenVelocity(module, shape=(2,), conditions={"c": condition}).eval()
    assert assess(other, data(4000)).problem is not None


def test_draws_of_a_calibration_have_examples(
    module: Posterior, model: Model, tmp_path: Path
) -> None:
    given = torch.tensor([[MARK, 0.0], [MARK, 1.0]])
    save_file({"conditions.c": given}, tmp_path / "examples.safetensors")
    examples = examples_in(tmp_path / "examples.safetensors")
    with pytest.raises(ValueError, match=r"^conditions: test needs c for every sample"):
        calibrate(model, 4, steps=2, quiet=True)
    sureflow.sample(model, condition=CONDITION)  # tries block sizes, on any conditions
    module.seen.clear()
    made = calibrate(model, 500, steps=2, quiet=True, conditions=examples)
    assert module.seen == {MARK}
    setting = family_of(model.card).parse_setting("euler:3")
    with pytest.raises(ValueError, match=r"^conditions: test needs c"):
        Recalibration(made, model.card, [setting], 400, 5)
    plan = Recalibration(made, model.card, [setting], 400, 5, conditions=examples)
    first, second = plan.lanes(setting)[:2]
    assert first.condition["c"].tolist() == [MARK, 0.0]
    assert second.condition["c"].tolist() == [MARK, 1.0]


def test_a_file_without_examples_is_refused(tmp_path: Path) -> None:
    save_file({"samples": torch.zeros(2, 2)}, tmp_path / "examples.safetensors")
    with pytest.raises(ValueError, match=r"^conditions: .* has no tensor named conditions\.NAME"):
        examples_in(tmp_path / "examples.safetensors")
    with pytest.raises(ValueError, match=r"^conditions: "):
        examples_in(tmp_path / "none.safetensors")
