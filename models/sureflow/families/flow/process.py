"""The base of the processes of a flow's lanes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sureflow.core.arrays import Floats, Integers, Slots
from sureflow.core.lane import LaneSpec
from sureflow.core.process import Outcome, Query
from sureflow.core.transfer import to_device, to_host
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.outcome import outcome

VELOCITY, JVP, CLASSES = "velocity", "jvp", "classes"
"""Names of the heads: the velocity with its variance, its derivative along a direction, and what
the classifier reads of states."""

ENCODER, SAMPLE_ENCODER, DECODER, PREVIEW = "encoder", "sample_encoder", "decoder", "preview"
"""Names of the heads of models of several stages, which are those of the stages: tokens to
conditions, samples to latents, latents to samples, and latents to what is only looked at."""


class FlowProcess:
    """A process that keeps nothing of a lane outside of the lanes that it moves."""

    def __init__(self, lanes: FlowLanes) -> None:
        self.lanes = lanes

    def end(self, slot: int, spec: LaneSpec) -> Outcome:
        """The result of a lane in its present state."""
        return outcome(self.lanes, slot, spec)

    def release(self, slot: int) -> None:
        """Do nothing: the next lane overwrites the slot."""

    def velocity_query(
        self, owner: Slots, x: Tensor, t: npt.NDArray[np.float32], doubled: Integers
    ) -> Query:
        """Query for velocities at points, and then at some of them without condition.

        Args:
            owner: The lane of each point, ``[n]``.
            x: The points, ``[n, *shape]``.
            t: Times of the points, ``[n]``.
            doubled: Positions of the points that are evaluated twice, ascending. The second row is
                without condition, or with that which guidance leads the lane away from.
        """
        lanes = self.lanes
        label, given = lanes.given.labels(owner, doubled), lanes.given.rows(owner, doubled)
        if len(doubled):
            x = torch.cat([x, x[to_device(doubled, x.device)]])
            t = np.concatenate([t, t[doubled]])
        times, labels = to_device(t, x.device), to_device(label, x.device)
        return Query(VELOCITY, {"x": x, "t": times, "label": labels, **given}, lanes.bucket)


def on_host(parts: dict[str, Tensor]) -> dict[str, Floats]:
    """Copy numbers by name from the device in one read."""
    if next(iter(parts.values())).device.type == "cpu":
        return {name: part.numpy().astype(np.float64) for name, part in parts.items()}
    values = to_host(torch.cat([part.flatten() for part in parts.values()])).astype(np.float64)
    found, start = {}, 0
    for name, part in parts.items():
        end = start + part.numel()
        found[name], start = values[start:end].reshape(part.shape), end
    return found
