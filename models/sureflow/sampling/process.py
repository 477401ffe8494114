"""What the tick loop drives, and what it hears from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sureflow.lane import LaneSpec
from sureflow.moments import Moments
from sureflow.sampling.lanes import Outcome, Slots
from sureflow.sampling.tableau import Flags, Integers
from sureflow.sampling.transfer import to_device


@dataclass(frozen=True, slots=True)
class Rows:
    """Network evaluations asked for, ``n`` of them: ``x [n, *shape]``, ``t [n]``, ``label [n]``."""

    x: Tensor
    t: Tensor
    label: Tensor

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
        return cls(
            torch.cat([part.x for part in parts]),
            torch.cat([part.t for part in parts]),
            torch.cat([part.label for part in parts]),
        )


class Process(Protocol):
    """A family of lanes. Other families (counts, tokens, SDEs) implement this too."""

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Start a lane in a free slot."""
        ...

    def rows(self, slots: Slots) -> Rows:
        """The evaluations that these running lanes need next."""
        ...

    def advance(self, slots: Slots, replies: Moments) -> tuple[Flags, Flags]:
        """Move the lanes by the replies to :meth:`rows`; returns masks (done, diverged)."""
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
