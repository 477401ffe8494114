"""What a filter does to the classes of a request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sureflow.core.card import ModelCard
from sureflow.core.family import family_of
from sureflow.core.lane import LaneSpec
from sureflow_server.api.plan import Plan
from sureflow_server.api.run import Result
from sureflow_server.filters import AnyGood


def selection_of(results: Iterable[Result], plan: Plan) -> dict[str, Any] | None:
    """Count samples by class, the schema being ``SelectionRecord``; ``None`` without a filter."""
    if plan.filter is None:
        return None
    drawn, accepted = Counter[str](), Counter[str]()
    for result in results:
        name = class_of(plan.card, result.sample.spec) or ""
        drawn[name] += 1
        accepted[name] += result.accepted
    chosen, passed = plan.filter, sum(accepted.values())
    return {
        "drawn_by_class": dict(drawn),
        "accepted_by_class": dict(accepted),
        "any_good": chosen.certified(passed) if isinstance(chosen, AnyGood) else None,
    }


def class_of(card: ModelCard, spec: LaneSpec) -> str | None:
    """Name of the class that a lane was asked to be of; ``None`` if of none, or of several."""
    strata = family_of(spec).strata(spec)
    return card.class_of(strata[0][0]) if len(strata) == 1 else None
