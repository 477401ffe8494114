"""The ODE flow as a process: which rows its lanes ask for, and how the replies advance them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from sureflow.lane import LaneSpec
from sureflow.moments import Moments
from sureflow.paths import broadcast
from sureflow.sampling.control import FixedSteps, StepControl
from sureflow.sampling.guidance import guide, guided
from sureflow.sampling.lanes import Lanes
from sureflow.sampling.tableau import STAGES, coefficients


@dataclass(frozen=True, slots=True)
class Rows:
    """Network evaluations asked for, ``n`` of them: ``x [n, *shape]``, ``t [n]``, ``label [n]``."""

    x: Tensor
    t: Tensor
    label: Tensor


class Process(Protocol):
    """What the tick loop drives. Other families (counts, tokens, SDEs) implement this too."""

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Start a lane in a free slot."""
        ...

    def rows(self, slots: Tensor) -> Rows:
        """The evaluations that these running lanes need next."""
        ...

    def advance(self, slots: Tensor, replies: Moments) -> tuple[Tensor, Tensor]:
        """Move the lanes by the replies to :meth:`rows`; returns masks (done, diverged)."""
        ...


class Flow:
    """Explicit Runge-Kutta on ``dx/dt = v(x, t)``, every lane at its own stage of its own method.

    Along with the state it integrates the uncertainty ``dU_i/dt = Sigma_i(x_t, t)`` with the
    method's own weights, at the stages the solver evaluates anyway.

    Args:
        lanes: The lanes to move.
        null_label: Label that stands for "no condition".
        control: What decides on steps; fixed by default.
    """

    def __init__(self, lanes: Lanes, null_label: int, control: StepControl | None = None) -> None:
        self.lanes = lanes
        self.null_label = null_label
        self.control = control or FixedSteps()
        self._tableau = coefficients(lanes.x.device)

    def admit(self, slot: int, spec: LaneSpec) -> None:
        """Start a lane from its own noise at ``t = 0``."""
        self.lanes.admit(slot, spec, self.null_label)

    def rows(self, slots: Tensor) -> Rows:
        """Each lane's next stage point, then once more without condition for guided lanes."""
        lanes, tableau = self.lanes, self._tableau
        method, stage, h = lanes.method[slots], lanes.stage[slots], lanes.h[slots]
        x = self._combine(slots, h[:, None] * tableau.a[method, stage])
        t = (lanes.t[slots] + tableau.c[method, stage] * h).float()
        again = guided(lanes.guidance[slots])
        null = torch.full_like(again, self.null_label)
        return Rows(
            torch.cat([x, x[again]]),
            torch.cat([t, t[again]]),
            torch.cat([lanes.label[slots], null]),
        )

    def advance(self, slots: Tensor, replies: Moments) -> tuple[Tensor, Tensor]:
        """Store the stage, integrate its uncertainty, and finish the steps that are complete.

        A lane whose reply is not finite has diverged; it stays at its last good state.
        """
        lanes, tableau = self.lanes, self._tableau
        velocity, variance = guide(replies, lanes.guidance[slots])
        method, stage, h = lanes.method[slots], lanes.stage[slots], lanes.h[slots]
        rate = variance.flatten(1).sum(1)
        finite = (rate + velocity.flatten(1).sum(1)).isfinite()

        weight = broadcast((h * tableau.b[method, stage]).float(), variance)
        lanes.map[slots] += torch.where(broadcast(finite, variance), weight * variance, 0)
        lanes.evaluations[slots] += 1 + (lanes.guidance[slots] != 1).long()
        for index, k in enumerate(lanes.k):
            here = stage == index
            k[slots[here]] = velocity[here]

        first = (stage == 0) & finite
        begun, step = slots[first], lanes.step[slots[first]]
        lanes.times[begun, step] = lanes.t[begun].float()
        lanes.rates[begun, step] = rate[first]

        lanes.stage[slots] = stage + 1
        done = torch.zeros_like(finite)
        complete = ((stage + 1 == tableau.stages[method]) & finite).nonzero().squeeze(1)
        if len(complete):
            done[complete] = self._complete(slots[complete])
        return done, ~finite

    def _complete(self, slots: Tensor) -> Tensor:
        """End the step of these lanes; returns which of them have arrived at ``t = 1``."""
        lanes = self.lanes
        kept = slots[self.control.judge(lanes, slots)]
        weights = lanes.h[kept, None] * self._tableau.b[lanes.method[kept]]
        lanes.x[kept] = self._combine(kept, weights)
        lanes.step[kept] += 1
        lanes.stage[slots] = 0
        done = torch.zeros_like(slots, dtype=torch.bool)
        done[torch.isin(slots, kept)] = self.control.proceed(lanes, kept)
        return done

    def _combine(self, slots: Tensor, weights: Tensor) -> Tensor:
        """``x + sum_j weights[:, j] k_j`` for lanes ``slots``, ``weights [n, STAGES]``.

        Products and sums are separate operations on purpose: a fused multiply-add would round
        differently in the vector body and in the tail of an array, that is, by slot. Stages that a
        lane does not use are skipped rather than multiplied by zero, whatever is stored there.
        """
        x = self.lanes.x[slots]
        weights = weights.float()
        for index in range(STAGES):
            used = weights[:, index] != 0
            if used.any():
                moved = x + broadcast(weights[:, index], x) * self.lanes.k[index][slots]
                x = torch.where(broadcast(used, x), moved, x)
        return x
