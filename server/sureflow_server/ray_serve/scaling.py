"""How many replicas there should be, by the samples that they owe."""

from __future__ import annotations

from math import ceil
from typing import Any

SAMPLES = "samples"
"""What a replica reports: its samples accepted and not finished."""


class SamplesPerReplica:
    """A policy of the autoscaler of Ray Serve, which adds its own bounds and delays.

    Requests are no measure: one may be for a thousand samples, and jobs are no requests at all to
    Ray, since they have been answered.

    Args:
        target: Samples accepted and not finished, per replica.
    """

    def __init__(self, target: float) -> None:
        if not target > 0:
            raise ValueError(f"target: {target!r} is not more than 0")
        self._target = target

    def __call__(self, ctx: Any) -> tuple[int, dict[str, Any]]:
        """Return the number of replicas, and no state to be kept."""
        samples = sum((ctx.aggregated_metrics or {}).get(SAMPLES, {}).values())
        return ceil(samples / self._target), {}
