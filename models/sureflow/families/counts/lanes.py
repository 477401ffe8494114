"""The lanes of counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pkgutil import resolve_name
from typing import Any

import numpy as np
import torch

from sureflow.core.arrays import Floats, Slots
from sureflow.core.draw import Purpose, uniform
from sureflow.core.engine import EarlyRule
from sureflow.core.fields import Field
from sureflow.core.frame import Frame
from sureflow.core.lane import LaneSpec, View
from sureflow.core.lanes import Lanes, Suspended
from sureflow.core.score import Evidence
from sureflow.families.counts.moves import deviance
from sureflow.families.counts.posterior import Posterior
from sureflow.families.counts.scores.catalogue import SCORES
from sureflow.families.counts.spec import MAX_STEPS, CountSpec
from sureflow.networks.count_network import CountNetwork
from sureflow.sampling.early_stopping import EarlyStopping
from sureflow.sampling.recorder import TrajectoryRecorder
from sureflow.sampling.scoring import Scoring

SUMS = ("ambiguity", "entropy", "mean", "log_mean", "jumps")
"""What is added up of every component over time."""


class CountLanes(Lanes):
    """Lanes of counts, in host memory: a network's answers are all that comes from it.

    Attributes:
        network: The network.
        x: Present counts, ``[capacity, d]``.
        start: Counts of the source that the lane began with.
        held: Which components end at known counts.
        known: These counts.
        expected: Mean ends at the beginning of the present step.
        sums: Integrals over time by name, see :data:`SUMS`, and the number of ``jumps``.
        leave_at: Number of steps after which a lane leaves the sampler.
        specs: The lanes in the slots.
        posteriors: Those of the present step, by slot; for views.
    """

    def __init__(
        self,
        capacity: int,
        network: CountNetwork,
        device: torch.device,
        early: Mapping[str, EarlyRule] | None = None,
    ) -> None:
        super().__init__(capacity, device, MAX_STEPS)
        (d,) = network.shape
        self.network, self.most_steps = network, MAX_STEPS
        self.x, self.start, self.known = (
            self._host(name, Field((d,), "i8", "counts")) for name in ("x", "start", "known")
        )
        self.held = self._host("held", Field((d,), "b1", "mask"))
        self.expected = self._host("expected", Field((d,), "f8"))
        self.sums: dict[str, Floats] = {
            name: self._host(f"sum.{name}", Field((d,), "f8")) for name in SUMS
        }
        self.leave_at = self.count("leave_at", kept=False)
        self.specs: dict[int, CountSpec] = {}
        self.posteriors: dict[int, Posterior] = {}
        self.scoring = Scoring(self, (d,), lambda name: resolve_name(SCORES[name].fold))
        self.early_stopping = EarlyStopping(self, early or {})
        self.recorder = TrajectoryRecorder(self)

    def admit(self, slot: int, spec: CountSpec) -> None:
        """Start a new lane in a slot, with counts of the source."""
        self.clear(slot)
        self.start[slot] = self.x[slot] = self.fresh(spec, Purpose.START)
        self.held[slot], self.known[slot], self.expected[slot] = False, 0, 0
        for total in self.sums.values():
            total[slot] = 0
        self.leave_at[slot] = self.most_steps
        self.specs[slot] = spec
        self.scoring.admit(slot, spec)
        self.early_stopping.admit(slot, spec)
        self.recorder.admit(slot, spec)

    def fresh(self, spec: CountSpec, purpose: Purpose, number: int = 0) -> Any:
        """Counts of the source, ``[d]``."""
        u = uniform(self.network.shape, spec.seed, spec.index, purpose, number)
        return self.network.bridge.start(u.numpy().astype(np.float64))

    def continue_as(self, slot: int, spec: CountSpec) -> None:
        """Let a lane continue with another spec."""
        self.specs[slot] = spec
        self.early_stopping.admit(slot, spec)
        self.recorder.continue_as(slot, spec)

    def suits(self, spec: LaneSpec, frame: Frame) -> bool:
        """Whether a lane with this spec can be restored from a frame."""
        return self.fits(frame) is None

    def suspend(self, slot: int) -> Suspended:
        """What a lane that is between two steps is resumed from, what is recorded of it too."""
        return replace(super().suspend(slot), recorded=self.recorder.take(slot))

    def resume(self, slot: int, spec: LaneSpec, suspended: Suspended) -> None:
        """Resume a lane, just admitted with this spec, from where it was suspended."""
        self.restore(slot, spec, suspended.frame)
        self.evaluations[slot] = suspended.evaluations
        self.recorder.put(slot, suspended.recorded)

    def evidence(self, slots: Slots) -> Evidence:
        """What scores read of lanes: arrays ``[n, d]`` by name."""
        sums = {name: total[slots] for name, total in self.sums.items()}
        over = self.t[slots]
        done = (over >= 1)[:, None]
        ends = np.where(done, self.x[slots], self.expected[slots])
        parts = zip(ends, sums["mean"], sums["log_mean"], over.tolist(), strict=True)
        apart = np.abs(self.x[slots] - self.start[slots])
        known: dict[str, Any] = {
            "ambiguity": sums["ambiguity"],
            "entropy": sums["entropy"],
            "deviance": np.stack([deviance(*part) for part in parts]),
            "churn": np.maximum(sums["jumps"] - apart, 0.0),
        }
        return known.__getitem__

    def statistics(self, score: str, slots: Slots) -> Floats:
        """The running score; and nothing else, ``[n, 2]``."""
        found = self.foretold(score, slots, [])
        return np.stack([found, np.full(len(slots), np.nan)], 1)

    def foretold(self, score: str, slots: Slots, specs: Sequence[LaneSpec]) -> Floats:
        """What foretells a score of lanes, ``[n]``."""
        return self.scoring.foreseen(score, slots, self.evidence(slots))

    def ticks_left(self, slots: Slots) -> Floats:
        """Steps that are left."""
        steps = np.array([self.specs[slot].steps for slot in slots.tolist()])
        found: Floats = (1 - self.t[slots]) * steps
        return found

    def next_step_t(self, slot: int) -> float:
        """The time at which the next step begins."""
        return until(float(self.t[slot]), self.specs[slot].steps)

    def view(self, slot: int) -> View:
        """The view of a lane once the answer of the network at its step is known."""
        posterior, step = self.posteriors[slot], int(self.step[slot])
        return View(
            step=step,
            t=float(self.t[slot]),
            state=self.x[slot].astype(np.float32),
            prediction=posterior.mean.astype(np.float32),
            rate=float(self.rates[slot, step]),
            map=posterior.variance.astype(np.float32),
            uncertainty=float(self.sums["ambiguity"][slot].sum()),
        )

    def views(self, slot: int) -> tuple[View, ...]:
        """The recorded views of a lane."""
        return self.recorder.views(slot)


def until(t: float, steps: int) -> float:
    """The end of the step that begins at ``t``, on a grid of equal steps; at last 1."""
    number = int(np.floor(t * steps + 1e-9)) + 1
    return 1.0 if number >= steps else number / steps
