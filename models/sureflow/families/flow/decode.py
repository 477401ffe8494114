"""Decoding: the phase in which the latent of a finished lane becomes its sample."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Slots
from sureflow.core.lane import Array, LaneSpec
from sureflow.core.process import Outcome, Query, Reply
from sureflow.core.transfer import to_host
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.process import DECODER, FlowProcess


@dataclass(slots=True)
class _Decoding:
    """The latents of a lane that are not decoded yet, and what the others came to."""

    waiting: list[Tensor]
    made: list[Array] = field(default_factory=list)


class Decode(FlowProcess):
    """Asks for a row of the decoder for each lane, and for two for each view of its trajectory.

    A lane that was abandoned needs none, and a halted one those of its views alone. Decodings do
    not count as evaluations, which are those of the velocity.
    """

    def __init__(self, lanes: FlowLanes) -> None:
        super().__init__(lanes)
        self._of: dict[int, _Decoding] = {}

    def needs(self, slot: int, finished: bool) -> bool:
        """Prepare a lane; returns whether it has anything to decode."""
        lanes = self.lanes
        if lanes.decoded is None:
            return False
        views = lanes.recorder.views(slot)
        waiting = [torch.from_numpy(z) for view in views for z in (view.state, view.prediction)]
        if finished:
            waiting.append(lanes.x[slot])
        if waiting:
            self._of[slot] = _Decoding([z.to(lanes.device) for z in waiting])
        return bool(waiting)

    def ask(self, slots: Slots) -> list[Query]:
        """The next latent of each lane."""
        rows = [self._of[slot].waiting[0] for slot in slots.tolist()]
        return [Query(DECODER, {"latent": torch.stack(rows)})]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Keep what was decoded; a lane is done with its last latent."""
        data, done = replies[0]["data"], np.zeros(len(slots), np.bool_)
        finite = to_host(data.isfinite().flatten(1).all(1))
        for place, slot in enumerate(slots.tolist()):
            decoding = self._of[slot]
            decoding.waiting.pop(0)
            decoding.made.append(data[place].cpu().numpy().copy())
            done[place] = not decoding.waiting
        return done, ~finite

    def end(self, slot: int, spec: LaneSpec) -> Outcome:
        """The result of a lane, with what was decoded in the place of latents."""
        outcome, made = super().end(slot, spec), self._of[slot].made
        views = outcome.views
        if len(made) < 2 * len(views):  # it diverged
            return replace(outcome, views=())
        pairs = zip(made[::2], made[1::2], strict=False)
        shown = tuple(
            replace(view, state=state, prediction=end)
            for view, (state, end) in zip(views, pairs, strict=False)
        )
        data = made[-1] if len(made) > 2 * len(views) else outcome.data
        return replace(outcome, data=data, views=shown)

    def release(self, slot: int) -> None:
        """Forget the lane."""
        self._of.pop(slot, None)
