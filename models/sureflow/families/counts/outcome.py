"""What a lane of counts comes to."""

from __future__ import annotations

import numpy as np

from sureflow.core.lane import FinishReason, LaneSpec
from sureflow.core.process import Outcome
from sureflow.families.counts.lanes import CountLanes


def outcome(lanes: CountLanes, slot: int, spec: LaneSpec) -> Outcome:
    """The result of a lane in its present state."""
    slots, steps = np.array([slot]), int(lanes.step[slot])
    ending, shown = lanes.evidence(slots), max(steps, 1)
    return Outcome(
        data=lanes.x[slot].astype(np.float32),
        map=lanes.sums["entropy"][slot].astype(np.float32),
        t=lanes.times[slot, :shown].copy(),
        rate=lanes.rates[slot, :shown].copy(),
        finish_reason=_reason(lanes, slot),
        accepted=steps,
        rejected=0,
        evaluations=int(lanes.evaluations[slot]),
        scores={name: float(lanes.scoring.values(name, slots, ending)[0]) for name in spec.scores},
        abandoned_at=float(lanes.t[slot]) if lanes.abandoned[slot] else None,
        frames=lanes.recorder.frames(slot),
        views=lanes.recorder.views(slot),
        start=lanes.start[slot].astype(np.float32),
    )


def _reason(lanes: CountLanes, slot: int) -> FinishReason:
    if lanes.abandoned[slot]:
        return "abandoned"
    if lanes.halted[slot]:
        return "halted"
    return "converged" if lanes.t[slot] >= 1 else "max_steps"
