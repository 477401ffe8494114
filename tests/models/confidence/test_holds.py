"""Where a confidence holds, and where it must not be said to."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sureflow.confidence.holds import Held, Holds
from sureflow.core.origin import Branch, Inverted
from sureflow.families.flow.operations import Resample
from sureflow.families.flow.spec import FlowSpec

HOLDS = Holds(
    {
        "likelihood": (
            Held("heun", steps=((10, None),)),
            Held("heun", tolerance=((0.01, 0.1),)),
            Held("euler", steps=((20, 50), (100, 100))),
            Held("euler", 3.0, steps=((50, None),)),
            Held("heun", grid="fitted", steps=((8, 8),)),
        )
    }
)
LANE = FlowSpec(0, 0, label=0)


@pytest.mark.parametrize(
    ("fields", "holds"),
    [
        ({}, True),
        ({"steps": 9}, False),
        ({"steps": 1000}, True),
        ({"method": "rk4"}, False),
        ({"method": "euler", "steps": 30}, True),
        ({"method": "euler", "steps": 60}, False),
        ({"method": "euler", "steps": 100}, True),
        ({"method": "euler", "steps": 101}, False),
        ({"grid": "fitted"}, False),
        ({"grid": "fitted", "steps": 8}, True),
        ({"tolerance": 0.05}, True),
        ({"tolerance": 0.005}, False),
        ({"tolerance": 0.1, "steps": 1, "grid": "fitted"}, True),
        ({"tolerance": 0.05, "min_steps": 2}, False),
        ({"method": "euler", "tolerance": 0.05}, False),
        ({"guidance": 3.0}, False),
        ({"guidance": 3.0, "method": "euler", "steps": 50}, True),
        ({"guidance": 3.0, "label": None}, True),
        ({"method": "euler", "parallel": 4}, True),
        ({"method": "euler", "parallel": 4, "parallel_tolerance": 0.1}, False),
        ({"origin": Inverted(np.zeros(2, np.float32))}, False),
        ({"origin": Branch(LANE, 3)}, True),
        ({"origin": Branch(replace(LANE, label=1), 3)}, False),
        ({"origin": Branch(replace(LANE, steps=30), 3)}, False),
        ({"origin": Branch(LANE, 3, (Resample(1.0),))}, False),
        ({"origin": Branch(replace(LANE, steps=5), 3)}, False),
        ({"origin": Branch(replace(LANE, origin=Branch(LANE, 1, (Resample(1.0),))), 3)}, False),
    ],
    ids=str,
)
def test_covers(fields: dict[str, Any], holds: bool) -> None:
    assert HOLDS.covers("likelihood", replace(LANE, **fields)) is holds
    assert not HOLDS.covers("straightness", replace(LANE, **fields))


def test_a_lane_that_had_to_hurry_is_judged_by_what_it_was_held_to() -> None:
    lane = replace(LANE, tolerance=0.05)
    assert HOLDS.covers("likelihood", lane, 0.1)
    assert not HOLDS.covers("likelihood", lane, 0.2)


def test_words() -> None:
    assert HOLDS.words("likelihood") == (
        "heun with 10 or more steps, heun with a tolerance of 0.01 to 0.1, "
        "euler with 20 to 50 steps or 100 steps, heun with 8 steps on the fitted grid"
    )
    assert HOLDS.words("likelihood", 2.0) == ""
    loose = Holds({"likelihood": (Held("ab2", tolerance=((0.0, 0.1),)),)})
    assert loose.words("likelihood") == "ab2 with a tolerance of at most 0.1"


def test_it_travels_as_json() -> None:
    assert Holds.read(json.loads(json.dumps(HOLDS.record()))) == HOLDS
