"""Whoever decides on steps: stub controls with exact step counts."""

import numpy as np
import torch
from stubs import Scripted, drive

from sureflow.families.flow.control import ByLane, StepControl
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.solver import Solver
from sureflow.families.flow.spec import FlowSpec


class RejectOnce(StepControl):
    """Rejects the first try of every step of odd lanes."""

    def __init__(self) -> None:
        self.tried: set[tuple[int, int]] = set()

    def accept(self, lanes, slots, error):
        keys = [(slot, int(lanes.step[slot])) for slot in slots.tolist()]
        kept = [slot % 2 == 0 or (slot, step) in self.tried for slot, step in keys]
        self.tried.update(keys)
        return np.array(kept)


class Every(StepControl):
    """Takes ``steps`` steps of a size of its own, and notes what it was told."""

    def __init__(self, size: float) -> None:
        self.size = size
        self.spreads: list[float] = []

    def begin(self, lanes, slots, spread):
        self.spreads += spread.tolist()
        lanes.h[slots] = self.size

    def advance(self, lanes, slots):
        lanes.t[slots] += lanes.h[slots]
        return lanes.step[slots] >= lanes.steps[slots]


def ones(x, t, label):
    return torch.ones_like(x)


def test_rejected_steps_are_tried_again_and_disturb_no_other_lane() -> None:
    lanes = FlowLanes(4, (2,), torch.device("cpu"))
    solver = Solver(lanes, RejectOnce())
    steps = [3, 3, 5, 2]
    for slot, count in enumerate(steps):
        solver.admit(slot, FlowSpec(0, slot, "heun", count))
    start = lanes.x.clone()
    ticks = drive(solver, Scripted(ones), 4)
    assert ticks == {0: 6, 1: 3 * 3, 2: 10, 3: 2 * 3}, "a rejected step keeps its first stage"
    assert torch.allclose(lanes.x, start + 1)
    assert torch.allclose(lanes.map, torch.ones(4, 2))
    assert lanes.step.tolist() == steps


def test_each_lane_has_the_control_its_spec_asks_for() -> None:
    """Adaptive lanes take three steps of 0.1 here, the others their grid, in the same ticks."""
    lanes = FlowLanes(4, (2,), torch.device("cpu"))
    adaptive = Every(0.1)
    solver = Solver(lanes, ByLane(adaptive=adaptive))
    methods = ["heun", "heun", "bosh3", "bosh3"]
    for slot, method in enumerate(methods):
        tolerance = 0.1 if slot % 2 else None
        solver.admit(slot, FlowSpec(0, slot, method, 3, tolerance=tolerance))
    start = lanes.x.clone()
    net = Scripted(ones, lambda x, t, label: torch.tensor([1.0, 3.0]).expand_as(x))
    ticks = drive(solver, net, 4)
    assert ticks == {0: 6, 1: 6, 2: 9, 3: 10}
    moved = torch.tensor([1, 0.3, 1, 0.3])[:, None].expand(4, 2)
    assert torch.allclose(lanes.x - start, moved)
    assert torch.allclose(lanes.map, moved * torch.tensor([1.0, 3.0]))
    assert adaptive.spreads == [2.0] * 6, "mean variance per component, once per adaptive step"
