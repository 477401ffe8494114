"""The cost of a lane of counts. Free of torch."""

from __future__ import annotations

from math import ceil

from sureflow.core.family import Cost
from sureflow.core.lane import Branch, LaneSpec
from sureflow.families.counts.spec import CountSpec


def cost(spec: LaneSpec) -> Cost:
    """The cost of a lane; exact from the source."""
    assert isinstance(spec, CountSpec)
    rows = 2 if spec.guided else 1
    free = spec.origin is not None
    return Cost(
        evaluations=_evaluations(spec),
        rows=rows,
        peak=2 if _ever_guided(spec) else 1,
        steps=spec.steps,
        kind=(spec.method, spec.steps, rows) if free else None,
    )


def _evaluations(spec: CountSpec) -> int:
    """Evaluations that a lane takes, including those of its parent up to the branch."""
    origin = spec.origin
    if not isinstance(origin, Branch):
        return spec.steps
    parent: CountSpec = origin.parent
    done = min(origin.step / parent.steps, 1)
    again = origin.step - (0 if origin.frame is None else origin.frame.step)
    return max(ceil(spec.steps * (1 - done)) + again, 1)


def _ever_guided(spec: CountSpec) -> bool:
    origin = spec.origin
    return spec.guided or (isinstance(origin, Branch) and _ever_guided(origin.parent))
