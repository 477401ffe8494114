"""Finished samples without a sampler."""

from __future__ import annotations

from typing import Any

import numpy as np

from sureflow.core.lane import Commit, Sample
from sureflow.families.flow.spec import FlowSpec


def finished(
    index: int = 0,
    confidence: float | None = None,
    uncertainty: float = 0.0,
    evaluations: int = 40,
    spec: FlowSpec | None = None,
    **fields: Any,
) -> Sample:
    values = np.zeros(2, np.float32)
    return Sample(
        **{
            "spec": spec or FlowSpec(0, index),
            "data": values,
            "uncertainty": uncertainty,
            "score": "propagated",
            "confidence": confidence,
            "t": values,
            "rate": values,
            "map": values,
            "commit": Commit(0.0, 0),
            "finish_reason": "converged",
            "accepted": 20,
            "rejected": 0,
            "evaluations": evaluations,
            **fields,
        }
    )


def abandoned(index: int = 0, confidence: float | None = None, **fields: Any) -> Sample:
    """A sample that was given up at t = 0.5, after half of its 40 evaluations."""
    fields = {"evaluations": 20, "abandoned_at": 0.5, **fields}
    return finished(index, confidence, finish_reason="abandoned", **fields)
