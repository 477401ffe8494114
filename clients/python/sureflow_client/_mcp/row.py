"""Samples in a few numbers each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic import Field

from .._decision import Decision
from .._model import Model
from .._result import by_doubt
from .._sample import Sample
from .tool import Facts

LISTED = 32
"""Samples that an answer lists; it counts the others."""

NAMED = 8
"""Handles that are listed of samples that were turned down for one reason."""

COMPONENTS = 4
"""Numbers that are shown of a vector."""

SHARE = "the share of the model's own draws of this kind that are less sure"
ORDER = (
    "at these settings confidence was not measured: it puts these samples in order, and is no share"
)
NONE = "the model has no confidence for this request; samples are in order of uncertainty"


class Row(Facts):
    """A sample."""

    handle: str | None = None

    confidence: float | None = None
    """In [0, 1], higher is surer."""

    uncertainty: float | None = None
    """Where there is no confidence; lower is surer."""

    values: list[float] | None = None

    inversion_error: float | None = None
    """How far off a given sample came back, relative."""

    finish: str | None = None
    """If not as it should."""


class Rest(Facts):
    """Samples that were turned down for one reason."""

    count: int
    action: str
    """dropped, regenerated, ..."""

    why: str
    confidence_from: float | None = None
    confidence_to: float | None = None
    handles: list[str] = Field(default_factory=list)
    """Of some, the least sure first."""


def row_of(sample: Sample) -> Row:
    """Return a sample in a few numbers."""
    plain = sample.finish_reason == "converged"
    numbers = sample.data is not None and len(sample.shape) != 3
    return Row(
        handle=None if sample.handle is None else sample.handle.id,
        confidence=rounded(sample.confidence),
        uncertainty=rounded(sample.uncertainty) if sample.confidence is None else None,
        values=_values(sample) if numbers else None,
        inversion_error=rounded(sample.inversion_error),
        finish=None if plain else sample.finish_reason,
    )


def rest_of(samples: Iterable[Sample]) -> list[Rest]:
    """Return those that were not accepted, by what was done with them and why."""
    groups: dict[tuple[str, str], list[Sample]] = {}
    for sample in sorted(samples, key=by_doubt, reverse=True):
        if not sample.accepted:
            groups.setdefault(_fate(sample), []).append(sample)
    return [_rest(action, why, group) for (action, why), group in groups.items()]


def standing(samples: Sequence[Sample]) -> str:
    """Return in words what the confidence of some samples means."""
    known = [sample for sample in samples if sample.confidence is not None]
    if not known:
        return NONE
    return f"confidence is {SHARE}" if all(one.confidence_holds for one in known) else ORDER


def meaning_of(card: Model, score: str) -> str:
    """Return in words what a score measures, and what it is not for."""
    meaning = (card.meanings or {}).get(score)
    if meaning is None:
        return score
    but = f"; not for {meaning['not_for']}" if meaning.get("not_for") else ""
    return f"{score}: {meaning['says']}{but}"


def reason(decision: Decision) -> str:
    """Return in words why a sample failed a filter, the same for all that failed it alike."""
    if decision.rung is not None:
        rung = decision.rung
        return f"not among the first {rung.survivors} of {rung.lanes} at t = {rounded(rung.t):g}"
    finished = decision.abandoned_at is None
    if decision.threshold is None or decision.score is None or not finished:
        return decision.reason
    side = "below" if decision.score < decision.threshold else "above"
    return f"{decision.by} {side} {rounded(decision.threshold):g}"


def rounded(value: float | None, digits: int = 4) -> float | None:
    """Return a number to so many significant digits."""
    return None if value is None else float(f"{value:.{digits}g}")


def _fate(sample: Sample) -> tuple[str, str]:
    decision = sample.decision
    if decision is None or decision.action_taken == "accepted":
        return sample.finish_reason, "its numbers are not finite"
    return decision.action_taken, reason(decision)


def _rest(action: str, why: str, group: Sequence[Sample]) -> Rest:
    known = [sample.confidence for sample in group if sample.confidence is not None]
    return Rest(
        count=len(group),
        action=action,
        why=why,
        confidence_from=rounded(min(known, default=None)),
        confidence_to=rounded(max(known, default=None)),
        handles=[sample.handle.id for sample in group if sample.handle is not None][:NAMED],
    )


def _values(sample: Sample) -> list[float]:
    numbers = sample.array().ravel()[:COMPONENTS].tolist()
    return [float(f"{number:.4g}") for number in numbers]
