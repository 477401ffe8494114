"""A lane that waits at a rung for the others of its request."""

from __future__ import annotations

from dataclasses import dataclass

from sureflow.core.lane import Sample
from sureflow.core.lanes import Suspended


@dataclass(frozen=True, slots=True, eq=False)
class Parked:
    """A lane that has reached a rung and has left its slot, so that it keeps none from others.

    Attributes:
        t: Time that it has reached.
        value: What its score foresees there; lower is surer, NaN if nothing.
        sample: What it comes to if it is dropped here.
        suspended: What it is resumed from.
    """

    t: float
    value: float
    sample: Sample
    suspended: Suspended
