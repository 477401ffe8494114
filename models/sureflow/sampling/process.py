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
from sureflow.sampling.guidance import guided
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
        guidance: npt.NDArray[np.float32],
        null_label: int,
    ) -> Rows:
        """These points, then the guided ones among them once more without condition."""
        again = guided(torch.from_numpy(guidance)).numpy()
        if len(again):
            x = torch.cat([x, x[to_device(again, x.device)]])
            t = np.concatenate([t, t[again]])
            label = np.concatenate([label, np.full_like(again, null_label)])
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

    def retire(self, slot: int) -> Outcome:
        """What a lane leaves behind."""
        ...

    def release(self, slot: int) -> None:
        """Forget a lane, finished or not; its slot may be given to any process."""
        ...
