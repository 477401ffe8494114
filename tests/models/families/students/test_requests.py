"""What the family takes, and what it refuses by the field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import sureflow
from sureflow.core.family import cost_of, families
from sureflow.core.lane import Branch, Inverted
from sureflow.core.schema import InvalidFieldError
from sureflow.evaluation.reference import calibrate
from sureflow.families.flow.options import Guidance
from sureflow.families.students import FAMILY
from sureflow.families.students.options import StudentOptions
from sureflow.families.students.spec import StudentSpec
from sureflow.model import Model


def lane(model: Model, **options: Any) -> StudentSpec:
    made = FAMILY.lane(model.card, 1, {}, Guidance(), StudentOptions.model_validate(options))
    assert isinstance(made, StudentSpec)
    return made


def test_it_is_installed() -> None:
    assert isinstance(families()["students"], type(FAMILY))


def test_the_most_steps_are_the_default(exact: Model) -> None:
    assert lane(exact).steps == 4
    assert lane(exact, steps=2).steps == 2
    short = replace(exact, card=replace(exact.card, step_counts=(1, 2)))
    assert lane(short).steps == 2
    assert [each.accepted for each in sureflow.sample(short, 2)] == [2, 2]


def test_other_numbers_of_steps_are_refused_by_the_field(exact: Model) -> None:
    with pytest.raises(InvalidFieldError, match="made for 1, 2, 4") as refused:
        lane(exact, steps=3)
    assert refused.value.field == "sampler.steps"
    parent = lane(exact)
    with pytest.raises(InvalidFieldError, match="made for"):
        FAMILY.edit(exact.card, parent, StudentOptions(steps=8), [], lambda: np.zeros(2))
    (changed, _) = FAMILY.edit(exact.card, parent, StudentOptions(steps=2), [], lambda: np.zeros(2))
    assert changed.steps == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"steps": 3}, "steps: 3"),
        ({"method": "heun"}, "method"),
        ({"tolerance": 0.1}, "tolerance"),
        ({"parallel": 2}, "parallel"),
        ({"grid": "uniform"}, "grid"),
        ({"origin": Inverted(np.zeros(2, np.float32))}, "origin"),
        ({"origin": Branch(StudentSpec(0, 0, steps=3), 1)}, "parent: steps"),
        ({"scores": ("propagated",)}, "scores"),
    ],
)
def test_lanes_are_checked(exact: Model, fields: dict[str, Any], message: str) -> None:
    exact.check(StudentSpec(0, 0))
    with pytest.raises(ValueError, match=message):
        exact.check(StudentSpec(0, 0, **fields))


def test_cost_counts_the_rows_after_the_sample() -> None:
    costs = [cost_of(StudentSpec(0, 0, scores=(name,))) for name in FAMILY.scores][:3]
    assert [(cost.evaluations, cost.extra) for cost in costs] == [(4, 4), (4, 1), (4, 0)]


def test_settings_are_named_by_their_steps(exact: Model) -> None:
    setting = FAMILY.parse_setting("consistency:2@1.5")
    assert setting == FAMILY.setting(StudentSpec(0, 0, steps=2, label=1, guidance=1.5))
    plain = FAMILY.parse_setting("consistency:4")
    assert FAMILY.usual(exact.card, [plain]) == [
        FAMILY.parse_setting(f"consistency:{steps}") for steps in (1, 2)
    ]
    for text in ("heun:4", "consistency", "consistency:a"):
        with pytest.raises(ValueError, match="is not of the form"):
            FAMILY.parse_setting(text)


def test_confidence_is_a_share_of_reference_draws(exact: Model) -> None:
    made = calibrate(exact, 60, quiet=True, score="self_consistency")
    assert (made.settings["steps"], made.score) == (4, "self_consistency")
    calibrated = exact.recalibrated(made)
    low = calibrated.confidence(0.0, StudentSpec(0, 0, scores=("self_consistency",)))[0]
    high = calibrated.confidence(9.0, StudentSpec(0, 0, scores=("self_consistency",)))[0]
    assert (low, high) == (1.0, 0.0)


def test_warm_up_lanes_use_every_number_of_steps(classes: Model) -> None:
    lanes = FAMILY.warm_up_lanes(classes.card)
    first = [next(lanes) for _ in range(3)]
    assert {each.steps for each in first} == {1, 2, 4}
    for each in first:
        classes.check(each)
