"""Step control: what happens to a lane's clock when it has tried a step."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from sureflow.sampling.lanes import Lanes


class StepControl(Protocol):
    """Decides on a finished step and sets the next one. Adaptive controllers go here."""

    def judge(self, lanes: Lanes, slots: Tensor) -> Tensor:
        """Whether each of these lanes, all at the end of a step, may keep it; bool ``[n]``."""
        ...

    def proceed(self, lanes: Lanes, slots: Tensor) -> Tensor:
        """Set ``t`` and ``h`` of lanes whose step was kept; returns which are done, ``[n]``."""
        ...


class FixedSteps:
    """A uniform grid: step ``i`` of ``n`` runs from ``i/n`` to ``(i+1)/n``; all are kept."""

    def judge(self, lanes: Lanes, slots: Tensor) -> Tensor:
        """Keep every step."""
        return torch.ones_like(slots, dtype=torch.bool)

    def proceed(self, lanes: Lanes, slots: Tensor) -> Tensor:
        """Move to the next grid point, computed from integers so that it does not drift."""
        step, steps = lanes.step[slots], lanes.steps[slots]
        t = step / steps.double()
        lanes.t[slots] = t
        lanes.h[slots] = (step + 1) / steps.double() - t
        return step >= steps
