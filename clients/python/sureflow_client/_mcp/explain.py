"""The tool ``explain``."""

from __future__ import annotations

from math import isfinite

from pydantic import Field

from .._decision import Decision
from .._handle import Handle
from .._profile import Profile
from .picture import picture_of
from .row import ORDER, SHARE, meaning_of, reason, rounded
from .tool import Answer, Arguments, Call, Facts, Tool

POINTS = 10
"""Of the uncertainty over time."""

CAUTION = "Confidence compares a sample with others of its kind; it is not the chance to be right."


class Explain(Arguments):
    """Which sample."""

    handle: str = Field(max_length=64)
    """Of the sample."""

    picture: bool = True
    """Show images."""


class Judged(Facts):
    """What a filter decided, and on what evidence."""

    action: str
    by: str
    score: float | None = None
    threshold: float | None = None
    why: str


class Moment(Facts):
    """How much was open at a time."""

    t: float
    """0: noise; 1: finished."""

    rate: float | None = None


class Explanation(Facts):
    """Why a sample is as sure as it is, and what became of it."""

    handle: str
    model: str
    confidence: float | None = None
    holds: bool | None = None
    """Confidence is a share; if not, an order."""

    confidence_means: str
    score: str
    score_means: str

    uncertainty: float | None = None
    """Lower is surer."""

    unit: str
    decision: Judged | None = None

    commit: float
    """When three quarters of its variance were resolved."""

    turns: list[float]
    """When it decided most; for at of rewind."""

    profile: list[Moment]

    least_decided: float | None = None
    """When most was open."""

    steps: int
    evaluations: int
    finish: str
    inversion_error: float | None = None
    parent: str | None = None

    seed: int
    index: int
    expires: str


async def _run(call: Call, asked: Explain) -> Answer:
    handle = await call.client.handle(asked.handle)
    card = await call.client.model(handle.model)
    facts = explained(handle, meaning_of(card, handle.sample.method))
    picture = await picture_of([handle.sample]) if asked.picture else None
    return Answer(said(facts), facts, picture)


def explained(handle: Handle, score_means: str) -> Explanation:
    """Return what is known of a sample."""
    sample = handle.sample
    return Explanation(
        handle=handle.id,
        model=handle.model,
        confidence=rounded(sample.confidence),
        holds=sample.confidence_holds,
        confidence_means=SHARE if sample.confidence_holds else ORDER,
        score=sample.method,
        score_means=score_means,
        uncertainty=rounded(sample.uncertainty),
        unit=sample.unit,
        decision=None if sample.decision is None else judged(sample.decision),
        commit=sample.commit.t,
        turns=[commit.t for commit in handle.commits[1:4]],
        profile=thinned(handle.profile),
        least_decided=widest(handle.profile),
        steps=handle.steps,
        evaluations=sample.evaluations,
        finish=sample.finish_reason,
        inversion_error=rounded(sample.inversion_error),
        parent=handle.parent,
        seed=sample.seed,
        index=sample.index,
        expires=handle.expires_at.isoformat(timespec="seconds"),
    )


def judged(decision: Decision) -> Judged:
    """Return a decision in short."""
    passed = decision.action_taken == "accepted"
    return Judged(
        action=decision.action_taken,
        by=decision.by,
        score=rounded(decision.score),
        threshold=rounded(decision.threshold),
        why=decision.reason if passed else reason(decision),
    )


def thinned(profile: Profile) -> list[Moment]:
    """Return an uncertainty over time in ten numbers."""
    last, points = len(profile.t) - 1, min(POINTS, len(profile.t))
    places = [round(i * last / max(points - 1, 1)) for i in range(points)]
    return [Moment(t=round(profile.t[i], 3), rate=rounded(profile.rate[i])) for i in places]


def widest(profile: Profile) -> float | None:
    """Return the time at which most was open."""
    known = [
        (rate, t)
        for t, rate in zip(profile.t, profile.rate, strict=True)
        if rate is not None and isfinite(rate)
    ]
    return round(max(known)[1], 3) if known else None


def said(facts: Explanation) -> str:
    """Return it in a few sentences."""
    parts = [_sure(facts)]
    if facts.decision is not None:
        parts.append(f"It was {facts.decision.action}: {facts.decision.why}.")
    parts.append(f"It committed at t = {facts.commit:.2f}")
    parts[-1] += (
        "." if facts.least_decided is None else f"; most was open at t = {facts.least_decided:.2f}."
    )
    parts.append(f"The score is {facts.score_means}. {CAUTION}")
    return " ".join(parts)


def _sure(facts: Explanation) -> str:
    if facts.confidence is None:
        return "It has no confidence; the model is not calibrated for it."
    if facts.holds:
        return f"{facts.confidence:.0%} of the model's own draws of this kind are less sure."
    return f"Its confidence is {facts.confidence:.2f}; {ORDER}."


EXPLAIN = Tool(
    "explain",
    "Say how sure the model is of a sample and why: confidence against threshold, what the score "
    "means and is not for, when it committed, uncertainty over time.",
    Explain,
    Explanation,
    _run,
)
