"""Decoding: the phase in which the latent of a finished lane becomes its sample."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Integers, Slots
from sureflow.core.lane import Array, Inverted, LaneSpec
from sureflow.core.process import Outcome, Query, Reply
from sureflow.core.transfer import to_host
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.process import DECODER, FlowProcess


@dataclass(slots=True)
class _Decoding:
    """The latents of a lane that are not decoded yet, and what the others came to.

    The last of them is that of the sample if ``finished``; the others are of views.
    """

    waiting: list[Tensor]
    finished: bool
    made: list[Array] = field(default_factory=list)


class Decode(FlowProcess):
    """Asks for a row of the decoder for each lane, and for two for each view of its trajectory.

    A lane that was abandoned needs none, and a halted one those of its views alone. Decodings do
    not count as evaluations, which are those of the velocity.

    Args:
        lanes: The lanes.
        views: Name of the head that decodes views.
    """

    def __init__(self, lanes: FlowLanes, views: str = DECODER) -> None:
        super().__init__(lanes)
        self._views = views
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
            self._of[slot] = _Decoding([z.to(lanes.device) for z in waiting], finished)
        return bool(waiting)

    def ask(self, slots: Slots) -> list[Query]:
        """The next latent of each lane, by head."""
        found = []
        for head, places in self._by_head(slots):
            rows = [self._of[slot].waiting[0] for slot in slots[places].tolist()]
            found.append(Query(head, {"latent": torch.stack(rows)}, self.lanes.bucket))
        return found

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Keep what was decoded; a lane is done with its last latent."""
        done, diverged = np.zeros((2, len(slots)), np.bool_)
        for (_, places), reply in zip(self._by_head(slots), replies, strict=True):
            data = reply["data"]
            diverged[places] = ~to_host(data.isfinite().flatten(1).all(1))
            for row, place in enumerate(places.tolist()):
                self._of[int(slots[place])].made.append(data[row].cpu().numpy().copy())
        for place, slot in enumerate(slots.tolist()):
            self._of[slot].waiting.pop(0)
            done[place] = not self._of[slot].waiting
        return done, diverged

    def _by_head(self, slots: Slots) -> list[tuple[str, Integers]]:
        """The places among these lanes that ask each head."""
        of = [self._of[slot] for slot in slots.tolist()]
        ends = np.array([each.finished and len(each.waiting) == 1 for each in of], np.bool_)
        if self._views == DECODER:
            return [(DECODER, np.arange(len(slots)))]
        split = ((DECODER, np.flatnonzero(ends)), (self._views, np.flatnonzero(~ends)))
        return [(head, places) for head, places in split if len(places)]

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
        outcome = replace(outcome, views=shown)
        if len(made) == 2 * len(views):
            return outcome
        data, given = made[-1], spec.origin
        if isinstance(given, Inverted) and given.data.shape != self.lanes.shape:
            outcome = replace(outcome, inversion_error=given.error(data))
        return replace(outcome, data=data)

    def release(self, slot: int) -> None:
        """Forget the lane."""
        self._of.pop(slot, None)
