"""The cost of a flow's lane. Free of torch."""

from __future__ import annotations

from dataclasses import replace
from math import log10

from sureflow.core.family import Cost
from sureflow.core.lane import Branch, LaneSpec
from sureflow.families.flow.operations import Inpaint, Resample
from sureflow.families.flow.scores.catalogue import scores_of
from sureflow.families.flow.spec import FlowSpec
from sureflow.families.flow.tableau import EVALUATIONS, FURTHER

TYPICAL_STEPS = 8
"""Assumed number of steps of an adaptive lane, until lanes of its kind have been measured."""


def cost(spec: LaneSpec) -> Cost:
    """The cost of a lane; exact for a fixed grid from the lane's own noise."""
    assert isinstance(spec, FlowSpec)
    meanings = [scores_of(spec)[name] for name in spec.scores]
    each = (2 if spec.guided else 1) * (1 + sum(meaning.factor for meaning in meanings))
    after = max((meaning.after for meaning in meanings), default=0)  # they share the rows
    peak = max(each * max(1, min(spec.parallel, spec.steps)), after)
    if isinstance(spec.origin, Branch):
        peak = max(peak, cost(replace(spec.origin.parent, scores=spec.scores)).peak)
    adaptive, kind = spec.tolerance is not None, None
    if spec.tolerance is not None:
        # The tolerance counts in fifths of a decade.
        kind = (spec.method, round(5 * log10(spec.tolerance)), each, spec.size)
    return Cost(
        evaluations=_evaluations(spec),
        rows=each,
        peak=peak,
        steps=spec.max_steps if adaptive else spec.steps,
        extra=after + sum(0 if spec.guided else meaning.rows for meaning in meanings),
        kind=kind,
    )


def _evaluations(spec: FlowSpec) -> int:
    """Evaluations that a lane takes, including those of its parent up to the branch."""
    whole = EVALUATIONS[spec.method] * TYPICAL_STEPS
    if spec.tolerance is None:
        whole = EVALUATIONS[spec.method] * spec.steps + FURTHER[spec.method]
    if spec.origin is None:
        return whole
    if not isinstance(spec.origin, Branch):
        return 2 * whole
    parent, known = spec.origin.parent, spec.origin.frame
    steps = TYPICAL_STEPS if parent.tolerance is not None else parent.steps
    done = min(spec.origin.step / steps, 1)
    again = spec.origin.step - (0 if known is None else known.step)
    resamples = sum(isinstance(operation, Resample) for operation in spec.origin.operations)
    left = whole * (1 - done) * _repetitions(spec)
    return max(round(left + resamples + _evaluations(parent) * again / steps), 1)


def _repetitions(spec: LaneSpec) -> int:
    """How often each step is made: as the latest inpainting in the lane's history asks."""
    while isinstance(spec.origin, Branch):
        for operation in reversed(spec.origin.operations):
            if isinstance(operation, Inpaint):
                return operation.inner
        spec = spec.origin.parent
    return 1
