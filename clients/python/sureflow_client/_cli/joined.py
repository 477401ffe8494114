"""Several results as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .._result import JudgeUsage, Result, Selection, Usage
from .._sample import Sample


def joined(results: Sequence[Result], samples: Sequence[Sample]) -> Result:
    """Return these samples as one result, whose cost and warnings are those of all results.

    What was selected is counted anew.
    """
    usage = cost([result.usage for result in results])
    warnings = tuple(warning for result in results for warning in result.warnings)
    update: dict[str, Any] = {"samples": tuple(samples), "usage": usage, "warnings": warnings}
    update["selection"] = None if results[-1].selection is None else selection(samples)
    return results[-1].model_copy(update=update)


def cost(parts: Sequence[Usage]) -> Usage:
    """Return what several requests cost together."""
    judged = [part.judged for part in parts if part.judged is not None]
    total = None
    if judged:
        total = JudgeUsage(
            samples=sum(one.samples for one in judged), seconds=sum(one.seconds for one in judged)
        )
    return Usage(
        evaluations=sum(part.evaluations for part in parts),
        evaluations_saved=sum(part.evaluations_saved for part in parts),
        queue_s=sum(part.queue_s for part in parts),
        compute_s=sum(part.compute_s for part in parts),
        judged=total,
    )


def selection(samples: Sequence[Sample]) -> Selection:
    """Return how many samples of each class were made and accepted."""
    drawn = Counter(sample.label or "" for sample in samples)
    accepted = Counter(sample.label or "" for sample in samples if sample.accepted)
    by_class = {name: accepted[name] for name in drawn}
    return Selection(drawn_by_class={**drawn}, accepted_by_class=by_class)
