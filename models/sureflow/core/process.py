"""What the tick loop drives, and what it hears from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sureflow.core.arrays import Flags, Integers, Slots
from sureflow.core.frame import Frame
from sureflow.core.lane import Array, FinishReason, LaneSpec, View
from sureflow.core.transfer import to_device
from sureflow.networks import Reply


@dataclass(frozen=True, slots=True)
class Rows:
    """Network evaluations asked for, ``n`` of them: ``x [n, *shape]``, ``t [n]``, ``label [n]``.

    The velocities at the rows ``probed [m]`` are wanted once more, differentiated in the
    directions ``probe [m, *shape]``, signs.
    """

    x: Tensor
    t: Tensor
    label: Tensor
    probed: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    probe: Tensor | None = None

    @property
    def count(self) -> int:
        """Network rows that they cost."""
        return len(self.x) + len(self.probed)

    def directional(self) -> tuple[Tensor, Tensor, Tensor]:
        """What the differentiated head is to be asked, ``m > 0``."""
        assert self.probe is not None
        where = to_device(self.probed, self.x.device)
        return torch.stack([self.x[where], self.probe], 1), self.t[where], self.label[where]

    @classmethod
    def at(
        cls,
        x: Tensor,
        t: npt.NDArray[np.float32],
        label: Integers,
        doubled: Integers,
        null_label: int,
    ) -> Rows:
        """These points, then the ``doubled`` ones among them once more without condition."""
        if len(doubled):
            x = torch.cat([x, x[to_device(doubled, x.device)]])
            t = np.concatenate([t, t[doubled]])
            label = np.concatenate([label, np.full_like(doubled, null_label)])
        return cls(x, to_device(t, x.device), to_device(label, x.device))

    @classmethod
    def join(cls, parts: list[Rows]) -> Rows:
        """The rows of several processes as one batch, in order."""
        if len(parts) == 1:
            return parts[0]
        first = np.cumsum([0, *(len(part.x) for part in parts)])
        probes = [part.probe for part in parts if part.probe is not None]
        return cls(
            torch.cat([part.x for part in parts]),
            torch.cat([part.t for part in parts]),
            torch.cat([part.label for part in parts]),
            np.concatenate([at + part.probed for at, part in zip(first, parts, strict=False)]),
            torch.cat(probes) if probes else None,
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a lane leaves behind; the fields are those of :class:`~sureflow.core.lane.Sample`."""

    data: Array
    map: Array
    t: Array
    rate: Array
    finish_reason: FinishReason
    accepted: int
    rejected: int
    evaluations: int
    tolerance: float | None
    scores: dict[str, float]
    abandoned_at: float | None
    start: Array
    frames: tuple[Frame, ...]
    views: tuple[View, ...]


class Process(Protocol):
    """A family of lanes. Other families (counts, tokens, SDEs) implement this too."""

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Start a lane in a free slot."""
        ...

    def rows(self, slots: Slots) -> Rows:
        """The evaluations that these running lanes need next."""
        ...

    def advance(
        self, slots: Slots, replies: Reply, slopes: Tensor | None = None
    ) -> tuple[Flags, Flags]:
        """Move the lanes by the replies to :meth:`rows`; returns masks (done, diverged).

        Args:
            slots: The lanes that :meth:`rows` was asked for.
            replies: Of its rows, ``[n, *shape]``.
            slopes: ``z . (J z)`` of its probed rows, ``[m]``; None if there are none.
        """
        ...

    def progress(self, slot: int) -> tuple[int, float]:
        """Steps that a running lane has completed, and the time that it has reached."""
        ...

    def retire(self, slot: int, spec: LaneSpec) -> Outcome:
        """What a lane that was admitted with this spec leaves behind."""
        ...

    def release(self, slot: int) -> None:
        """Forget a lane, finished or not; its slot may be given to any process."""
        ...
