"""What a lane of the flow costs. Free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log10

from sureflow.core.cost import Cost
from sureflow.core.lane import LaneSpec
from sureflow.core.origin import Branch
from sureflow.families.flow.operations import Inpaint, Resample
from sureflow.families.flow.scores.catalogue import SCORES, FlowMeaning
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import EVALUATIONS

TYPICAL_STEPS = 8
"""Of a lane with a tolerance, as long as nothing is known of others like it."""


def cost(spec: FlowSpec) -> Cost:
    """What a lane costs; exact on a fixed grid, unless it comes from elsewhere."""
    meanings = [SCORES[name] for name in spec.scores]
    each = (2 if spec.guided else 1) * (1 + sum(meaning.factor for meaning in meanings))
    adaptive = spec.tolerance is not None
    return Cost(
        evaluations=_evaluations(spec),
        rows=each,
        peak=_peak(spec, each, meanings),
        steps=spec.max_steps if adaptive else spec.steps,
        extra=sum(m.after + (0 if spec.guided else m.rows) for m in meanings),
        kind=None if spec.tolerance is None else (spec.method, _decade(spec.tolerance), each),
    )


def _decade(tolerance: float) -> int:
    """The tolerance to a fifth of a decade."""
    return round(5 * log10(tolerance))


def _whole(spec: FlowSpec) -> int:
    """Evaluations from noise to the end."""
    each = EVALUATIONS[spec.method]
    if spec.tolerance is not None:
        return each * TYPICAL_STEPS
    return each * spec.steps + (spec.method == "ab2")


def _evaluations(spec: FlowSpec) -> int:
    """Evaluations that a lane takes, those on the way to where it branches off included."""
    whole = _whole(spec)
    if spec.origin is None:
        return whole
    if not isinstance(spec.origin, Branch):
        return 2 * whole
    parent, known = spec.origin.parent, spec.origin.frame
    steps = TYPICAL_STEPS if parent.tolerance is not None else parent.steps
    done = min(spec.origin.step / steps, 1)
    again = spec.origin.step - (0 if known is None else known.step)
    drawn = sum(isinstance(operation, Resample) for operation in spec.origin.operations)
    left = whole * (1 - done) * _repetitions(spec)
    return max(round(left + drawn + _evaluations(parent) * again / steps), 1)


def _repetitions(spec: LaneSpec) -> int:
    """How often each step is made: as the last of the paintings that hold wants it."""
    while isinstance(spec.origin, Branch):
        for operation in reversed(spec.origin.operations):
            if isinstance(operation, Inpaint):
                return operation.inner
        spec = spec.origin.parent
    return 1


def _peak(spec: FlowSpec, each: int, meanings: Sequence[FlowMeaning]) -> int:
    """Most rows that the lane asks for in one tick."""
    after = sum(meaning.after for meaning in meanings)
    rows = max(each * max(1, min(spec.parallel, spec.steps)), after)
    if isinstance(spec.origin, Branch):
        return max(rows, cost(replace(spec.origin.parent, scores=spec.scores)).peak)
    return rows
