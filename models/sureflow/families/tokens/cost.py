"""The cost of a lane of tokens. Free of torch."""

from __future__ import annotations

from math import ceil

from sureflow.core.family import Cost
from sureflow.core.lane import Branch, LaneSpec
from sureflow.families.tokens.scores.catalogue import rows_after
from sureflow.families.tokens.spec import FIRST_HITTING, TokenSpec

TYPICAL_LENGTH = 64
"""Assumed number of tokens, until lanes of the kind have been measured."""


def cost(spec: LaneSpec) -> Cost:
    """The cost of a lane; exact for equal steps from all tokens masked."""
    assert isinstance(spec, TokenSpec)
    rows, after = 2 if spec.guided else 1, rows_after(spec.scores)
    steps = _steps(spec)
    free = spec.method == FIRST_HITTING or spec.origin is not None
    return Cost(
        evaluations=_evaluations(spec) + bool(after),
        rows=rows,
        peak=max(2 if _ever_guided(spec) else 1, after),
        steps=steps,
        extra=after,
        kind=(spec.method, steps, rows, after) if free else None,
    )


def _steps(spec: TokenSpec) -> int:
    return TYPICAL_LENGTH if spec.method == FIRST_HITTING else spec.steps


def _evaluations(spec: TokenSpec) -> int:
    """Evaluations that a lane takes, including those of its parent up to the branch."""
    origin, whole = spec.origin, _steps(spec)
    if not isinstance(origin, Branch):
        return whole
    steps = _steps(origin.parent)
    done = min(origin.step / steps, 1)
    again = origin.step - (0 if origin.frame is None else origin.frame.step)
    return max(ceil(whole * (1 - done) + _evaluations(origin.parent) * again / steps), 1)


def _ever_guided(spec: TokenSpec) -> bool:
    origin = spec.origin
    return spec.guided or (isinstance(origin, Branch) and _ever_guided(origin.parent))
