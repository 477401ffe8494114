"""What the lanes of a flow are compared with, and what with nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sureflow.core.card import ModelCard
from sureflow.core.family import family_of
from sureflow.core.lane import Branch, Inverted
from sureflow.families.flow import FAMILY
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.setting import draws, named, parse, references, setting
from sureflow.families.flow.spec import FlowSpec

LANE = FlowSpec(0, 0, label=0)
CARD = ModelCard("m", "sha256:0", "image", (1, 4, 4), ("a", "b"), 0)


@pytest.mark.parametrize(
    ("fields", "comparable"),
    [
        ({}, True),
        ({"tolerance": 0.05, "method": "ab2"}, True),
        ({"tolerance": 0.05, "min_steps": 2}, False),
        ({"min_steps": 2}, True),
        ({"method": "euler", "parallel": 4}, True),
        ({"method": "euler", "parallel": 4, "parallel_tolerance": 0.1}, False),
        ({"parallel_tolerance": 0.1}, True),
        ({"origin": Inverted(np.zeros(2, np.float32))}, False),
        ({"origin": Branch(LANE, 3)}, True),
        ({"origin": Branch(replace(LANE, label=1), 3)}, False),
        ({"origin": Branch(replace(LANE, steps=30), 3)}, False),
        ({"origin": Branch(LANE, 3, (Resample(1.0),))}, False),
        ({"origin": Branch(replace(LANE, origin=Branch(LANE, 1, (Resample(1.0),))), 3)}, False),
    ],
    ids=str,
)
def test_lanes_compare_that_are_drawn_as_reference_draws(
    fields: dict[str, Any], comparable: bool
) -> None:
    assert setting(replace(LANE, **fields)).comparable is comparable


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, named("heun", 20)),
        ({"guidance": 2.0}, named("heun", 20, guidance=2.0)),
        ({"guidance": 2.0, "label": None}, named("heun", 20)),
        ({"grid": "fitted", "steps": 8}, named("heun", 8, grid="fitted")),
        ({"tolerance": 0.1, "grid": "fitted", "steps": 8}, named("heun", None, 0.1)),
    ],
    ids=str,
)
def test_settings(fields: dict[str, Any], expected: object) -> None:
    assert setting(replace(LANE, **fields)) == expected


def test_a_lane_that_had_to_hurry_is_judged_by_what_it_was_held_to() -> None:
    lane = replace(LANE, tolerance=0.05)
    assert setting(lane, 0.2) == named("heun", None, 0.2)
    assert setting(lane, 0.2).fineness < setting(lane).fineness
    assert named("heun", 30).fineness > named("heun", 20).fineness


def test_draws_are_of_the_setting_in_every_stratum() -> None:
    for at in (
        named("euler", 12),
        named("ab2", None, 0.03),
        named("heun", 8, grid="fitted", guidance=3.0),
    ):
        lanes = draws(CARD, at)
        assert {setting(lane) for lane in lanes} == {at}
        strata = [FAMILY.strata(lane) for lane in lanes]
        wanted = ["0", "1", ""] if at.numbers["guidance"] == 1 else ["0", "1"]
        assert strata == [[(name, 1.0)] for name in wanted]
    assert family_of(CARD) is FAMILY


def test_references_are_those_of_the_scale() -> None:
    known = [named("heun", 20, guidance=scale) for scale in (1.0, 3.0, 1.5)]
    assert references(named("euler", 5, guidance=3.0), known) == [(1, 1.0)]
    assert references(named("euler", 5, guidance=5.0), known) == []
    assert references(named("euler", 5, guidance=0.5), known) == []
    between = dict(references(named("rk4", 5, guidance=2.0), known))
    assert between.keys() == {2, 1}
    for law in (np.array([1, 0]), np.array([0, 1])):
        said = sum(
            weight
            * law
            @ np.square([known[n].numbers["guidance"], 1 - known[n].numbers["guidance"]])
            for n, weight in between.items()
        )
        assert said == pytest.approx(law @ np.square([2.0, 1 - 2.0]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("heun:12", named("heun", 12)),
        ("ab2:0.03", named("ab2", None, 0.03)),
        ("dopri5:1e-3", named("dopri5", None, 0.001)),
        ("heun:10/fitted", named("heun", 10, grid="fitted")),
        ("euler:50@3", named("euler", 50, guidance=3.0)),
        ("heun:8/fitted@1.5", named("heun", 8, grid="fitted", guidance=1.5)),
    ],
)
def test_settings_of_the_command_line(text: str, expected: object) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["", "heun", "heun:", "heun:x", "heun:0", "heun:-3", "heun:3@x"])
def test_what_means_no_setting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="METHOD:STEPS"):
        parse(text)
