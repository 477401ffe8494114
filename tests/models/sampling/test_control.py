"""The place of adaptive control: a stub controller with exact step counts."""

import torch
from stubs import Scripted
from torch import Tensor

from sureflow.lane import LaneSpec
from sureflow.moments import Moments
from sureflow.sampling.control import FixedSteps
from sureflow.sampling.flow import Flow
from sureflow.sampling.lanes import Lanes


class RejectOnce(FixedSteps):
    """Rejects the first try of every step of odd lanes."""

    def __init__(self) -> None:
        self.tried: set[tuple[int, int]] = set()

    def judge(self, lanes: Lanes, slots: Tensor) -> Tensor:
        keys = [(slot, int(lanes.step[slot])) for slot in slots.tolist()]
        kept = [slot % 2 == 0 or (slot, step) in self.tried for slot, step in keys]
        self.tried.update(keys)
        return torch.tensor(kept)


def test_rejected_steps_are_tried_again_and_disturb_no_other_lane() -> None:
    net = Scripted(lambda x, t, label: torch.ones_like(x))
    lanes = Lanes(4, (2,), torch.device("cpu"))
    flow = Flow(lanes, null_label=0, control=RejectOnce())
    steps = [3, 3, 5, 2]
    for slot, count in enumerate(steps):
        flow.admit(slot, LaneSpec(0, slot, "heun", count))
    start = lanes.x.clone()
    running, ticks = [0, 1, 2, 3], dict.fromkeys(range(4), 0)
    while running:
        slots = torch.tensor(running)
        rows = flow.rows(slots)
        replies = Moments(net(rows.x, rows.t, rows.label), torch.ones_like(rows.x))
        done, _ = flow.advance(slots, replies)
        for slot in running:
            ticks[slot] += 1
        running = [slot for slot, over in zip(running, done.tolist(), strict=True) if not over]
    assert ticks == {0: 6, 1: 12, 2: 10, 3: 8}
    assert torch.allclose(lanes.x, start + 1)
    assert lanes.step.tolist() == steps
