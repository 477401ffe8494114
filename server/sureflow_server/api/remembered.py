"""Samples of an answer that are remembered for a while, so that verdicts can name them by it."""

from __future__ import annotations

from math import isfinite
from typing import Any

from sureflow.core.lane import Sample
from sureflow_server.api.run import Run
from sureflow_server.served import Served
from sureflow_server.turns import Turns

CONDITION_BYTES = 4096
"""Of the arrays that a sample is conditioned on; those of more are not remembered."""


async def remembered(run: Run) -> dict[int, Served]:
    """Return the samples of a request by their index: those made to their end, from noise."""
    plan = run.plan
    first = plan.lanes[0]
    nbytes = sum(array.nbytes for array in first.condition.values())
    if first.origin is not None or nbytes > CONDITION_BYTES:
        return {}
    card, turns = plan.card, Turns()
    found: dict[int, Served] = {}
    for sample in [result.sample for result in run.results]:
        index = sample.spec.index
        if plan.rewound_from(index) is None and sample.abandoned_at is None:
            found[index] = Served(card.name, card.version, plan.lane(index), _known(sample))
        await turns.step()
    return found


def _known(sample: Sample) -> dict[str, Any]:
    """What is kept of a sample, named as in its record."""
    unsure = sample.uncertainty
    return {
        "seed": sample.spec.seed,
        "index": sample.spec.index,
        "confidence": sample.confidence,
        "confidence_holds": sample.confidence_holds,
        "uncertainty": unsure if isfinite(unsure) else None,
        "method": sample.score,
    }
