"""Traits of lanes are worked out once, and anew when a lane is another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sureflow.core.lane import Branch
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import METHODS

SLOTS = np.array([0, 2])
PLAIN = FlowSpec(0, 0, "euler", 4, scores=("trajectory",))
OTHERS = {
    "method": replace(PLAIN, method="ab2"),
    "tolerance": replace(PLAIN, method="heun", tolerance=0.1),
    "guidance": replace(PLAIN, label=1, guidance=3.0),
}


@pytest.fixture
def lanes() -> FlowLanes:
    made = FlowLanes(3, (2,), torch.device("cpu"), null_label=2)
    for slot in range(3):
        made.admit(slot, PLAIN)
    return made


def seen(lanes: FlowLanes) -> dict[str, object]:
    """What the lanes say of themselves, all of it asked for."""
    traits = lanes.together(SLOTS)
    stages, weights = lanes.stages(SLOTS).tolist(), lanes.weights(SLOTS).tolist()
    found = {"method": [METHODS[number] for number in traits.method], "weights": weights}
    found |= {"adaptive": traits.adaptive.tolist(), "guided": traits.guided.tolist()}
    found |= {"some": (traits.some_adaptive, traits.some_multistep), "stages": stages}
    return found | {"two": lanes.in_multistep(SLOTS).tolist()}


def test_lanes_that_run_together_are_looked_at_once(lanes: FlowLanes) -> None:
    traits = lanes.together(SLOTS)
    assert lanes.together(SLOTS) is lanes.traits(SLOTS) is traits
    assert lanes.traits(SLOTS.copy()) is not traits
    assert traits.adaptive is lanes.adaptive(SLOTS)


@pytest.mark.parametrize("way", ["admitted", "continued", "restored"])
@pytest.mark.parametrize("name", OTHERS)
def test_another_lane_in_a_slot_is_noticed(way: str, name: str, lanes: FlowLanes) -> None:
    spec, before = OTHERS[name], seen(lanes)
    if way == "admitted":
        lanes.admit(2, spec)
    elif way == "continued":
        lanes.continue_as(2, spec, PLAIN, moved=False)
    else:
        fresh = FlowLanes(3, (2,), torch.device("cpu"), null_label=2)
        fresh.admit(1, spec)
        frame = fresh.take_frame(1)
        child = replace(spec, origin=Branch(spec, 0, (), frame))
        lanes.admit(2, replace(child, method="euler", tolerance=None))
        seen(lanes)
        lanes.restore(2, child, frame)
    other = FlowLanes(3, (2,), torch.device("cpu"), null_label=2)
    other.admit(0, PLAIN)
    other.admit(2, spec)
    assert seen(lanes) == seen(other) != before


def test_history_is_no_trait(lanes: FlowLanes) -> None:
    """It changes with every step."""
    lanes.admit(2, OTHERS["method"])
    lanes.together(SLOTS)
    assert lanes.in_multistep(SLOTS).tolist() == [False, False]
    assert lanes.stages(SLOTS).tolist() == [1, 2]
    lanes.step[2], lanes.last_h[2] = 1, 0.25
    assert lanes.in_multistep(SLOTS).tolist() == [False, True]
    assert lanes.stages(SLOTS).tolist() == [1, 1]
    assert lanes.weights(SLOTS)[1, :2].tolist() == [1.5 * 0.25, -0.5 * 0.25]
    lanes.step[2] = 0
    assert lanes.weights(SLOTS)[1, :2].tolist() == [0.125, 0.125]
