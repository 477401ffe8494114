"""The process that moves the counts of lanes, step by step."""

from __future__ import annotations

import numpy as np

from sureflow.core.arrays import Flags, Slots
from sureflow.core.draw import Purpose, generator
from sureflow.core.lane import LaneSpec
from sureflow.core.process import Outcome, Query, Reply
from sureflow.core.transfer import to_device, to_host
from sureflow.families.counts.lanes import CountLanes, until
from sureflow.families.counts.moves import MOVES, Step
from sureflow.families.counts.outcome import outcome
from sureflow.families.counts.posterior import LEAST, Posterior

POSTERIOR = "posterior"
"""Name of the head."""


class CountSampler:
    """Moves counts by the network's prediction of where they end."""

    def __init__(self, lanes: CountLanes) -> None:
        self.lanes = lanes

    def ask(self, slots: Slots) -> list[Query]:
        """A row for every lane, then one without label for the guided ones."""
        lanes = self.lanes
        owners = [*slots.tolist(), *self._guided(slots).tolist()]
        none = lanes.network.classes
        labels = [
            none if row >= len(slots) or (label := lanes.specs[slot].label) is None else label
            for row, slot in enumerate(owners)
        ]
        parts = {
            "x": np.ascontiguousarray(lanes.x[owners]),
            "t": lanes.t[owners].astype(np.float32),
            "label": np.array(labels, np.int64),
        }
        return [Query(POSTERIOR, {n: to_device(z, lanes.device) for n, z in parts.items()})]

    def tell(self, slots: Slots, replies: list[Reply]) -> tuple[Flags, Flags]:
        """Make the step; a lane whose reply is not finite has diverged."""
        lanes, log_p = self.lanes, to_host(replies[0][POSTERIOR])
        finite = np.isfinite(log_p).all((1, 2))
        second = dict(zip(self._guided(slots).tolist(), range(len(slots), len(log_p)), strict=True))
        whole = finite[: len(slots)].copy()
        for row, slot in enumerate(slots.tolist()):
            lanes.evaluations[slot] += 2 if slot in second else 1
            if slot in second:
                whole[row] &= finite[second[slot]]
            if whole[row]:
                found = Posterior.of(log_p[row])
                if slot in second:
                    scale = lanes.specs[slot].guidance
                    found = Posterior.guided(log_p[row], log_p[second[slot]], scale)
                self._begin(slot, found.held(lanes.held[slot], lanes.known[slot]))
        begun = slots[whole]
        lanes.early_stopping.check(begun)
        lanes.recorder.record_views(begun)
        done = lanes.abandoned[slots] | lanes.halted[slots]
        for row in np.flatnonzero(whole & ~done).tolist():
            done[row] = self._move(int(slots[row]))
        lanes.recorder.record_frames(slots[whole & ~done])
        for slot in slots.tolist():
            lanes.posteriors.pop(slot, None)
        return done, ~whole

    def end(self, slot: int, spec: LaneSpec) -> Outcome:
        """The result of a lane in its present state."""
        return outcome(self.lanes, slot, spec)

    def release(self, slot: int) -> None:
        """Do nothing: the next lane overwrites the slot."""

    def _guided(self, slots: Slots) -> Slots:
        return np.array([s for s in slots.tolist() if self.lanes.specs[s].guided], np.int64)

    def _begin(self, slot: int, posterior: Posterior) -> None:
        """Record the beginning of a step; the rate is the variance of births less deaths."""
        lanes, step, t = self.lanes, int(self.lanes.step[slot]), float(self.lanes.t[slot])
        lanes.posteriors[slot], lanes.expected[slot] = posterior, posterior.mean
        lanes.times[slot, step] = t
        lanes.rates[slot, step] = posterior.variance.sum() / (1 - t) ** 2

    def _move(self, slot: int) -> bool:
        """Make a step of a lane; returns whether it leaves."""
        lanes, spec, posterior = self.lanes, self.lanes.specs[slot], self.lanes.posteriors[slot]
        t, step = float(lanes.t[slot]), int(lanes.step[slot])
        end = until(t, spec.steps) if step + 1 < lanes.most_steps else 1.0
        dt, mean = end - t, posterior.mean
        sums = lanes.sums
        sums["ambiguity"][slot] += posterior.variance / (1 - t) ** 2 * dt
        sums["entropy"][slot] += posterior.entropy * dt
        sums["mean"][slot] += np.maximum(mean, LEAST) * dt
        sums["log_mean"][slot] += np.log(np.maximum(mean, LEAST)) * dt
        draw = generator(spec.seed, spec.index, Purpose.STEP, step)
        moved = MOVES[spec.method](Step(lanes.x[slot], posterior, t, dt), draw)
        sums["jumps"][slot] += np.abs(moved - lanes.x[slot])
        if end >= 1:  # wherever rates have left them, those that are held are what they are held to
            moved = np.where(lanes.held[slot], lanes.known[slot], moved)
        lanes.x[slot] = moved
        lanes.step[slot], lanes.t[slot] = step + 1, end
        return end >= 1 or step + 1 >= lanes.leave_at[slot]
