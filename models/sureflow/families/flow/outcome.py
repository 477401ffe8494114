"""What a lane of a flow comes to."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from sureflow.core.lane import UNFINISHED, FinishReason, Inverted
from sureflow.core.process import Outcome
from sureflow.core.score import Evidence
from sureflow.core.transfer import copied
from sureflow.families.flow.lanes import FlowLanes


def outcome(lanes: FlowLanes, slot: int, spec: Any) -> Outcome:
    """The result of a lane in its present state, copied to host memory."""
    slots, steps = np.array([slot]), int(lanes.step[slot])
    ending = lanes.ending_evidence(slots, lanes.x[slot : slot + 1])
    state, reason = copied(lanes.x[slot]), _reason(lanes, slot)
    tolerance = float(lanes.tolerance[slot]) or None
    given = spec.origin if isinstance(spec.origin, Inverted) else None
    if given is not None and given.data.shape != state.shape:
        given = None  # a sample, with which that is compared which is decoded
    # The variance of what comes of pure noise is that of the data.
    spread = float(lanes.rates[slot, 0]) / state.size
    data, fields = lanes.sample_of(slot, state)
    return Outcome(
        data=data,
        fields=fields,
        map=copied(_map(lanes, slot, spec)),
        t=lanes.times[slot, : max(steps, 1)].copy(),
        rate=lanes.rates[slot, : max(steps, 1)].copy(),
        finish_reason=reason,
        accepted=steps,
        rejected=int(lanes.rejected[slot]),
        evaluations=int(lanes.evaluations[slot]),
        tolerance=tolerance,
        late=tolerance != spec.tolerance,
        scores={name: _score(lanes, name, slot, ending) for name in spec.scores},
        abandoned_at=float(lanes.t[slot]) if lanes.abandoned[slot] else None,
        start=copied(ending("noise")[0]),
        inversion_error=(
            None if reason in UNFINISHED or not given else lanes.missed(given, state, spread)
        ),
        frames=lanes.recorder.frames(slot),
        views=lanes.recorder.views(slot),
    )


def _map(lanes: FlowLanes, slot: int, spec: Any) -> Tensor:
    """The map ``[*shape]``: that of the score that gives the confidence, if it has one of its own.

    It has one where its scorer says of every component how surprising it is.
    """
    scorer: Any = lanes.scorers.get(spec.scores[0]) if spec.scores else None
    if not hasattr(scorer, "surprise"):
        own: Tensor = lanes.map[slot]
        return own
    found: Tensor = scorer.surprise(lanes.x[slot : slot + 1])[0]
    return found


def _score(lanes: FlowLanes, name: str, slot: int, ending: Evidence) -> float:
    """The value of a score of a lane that ends, or of the sample that it was given."""
    if name in lanes.way_back and lanes.returning[slot] and lanes.t[slot] == 1:
        return float(lanes.way_back[name][slot])
    return float(lanes.scoring.values(name, np.array([slot]), ending)[0])


def _reason(lanes: FlowLanes, slot: int) -> FinishReason:
    if lanes.abandoned[slot]:
        return "abandoned"
    if lanes.halted[slot]:
        return "halted"
    return "max_steps" if lanes.forced[slot] else "converged"
