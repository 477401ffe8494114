"""The tool ``review``."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
from pydantic import Field

from .._exceptions import SureflowError
from .._handle import Handle, HandleSummary
from .._result import by_doubt
from .picture import picture_of
from .row import reason, rounded, standing
from .tool import Answer, Arguments, Call, Facts, Tool

MOST, LOOKED_AT, TOGETHER = 24, 64, 8
"""Samples that are listed; handles that are looked at, the newest ones; and how many at once."""


class Review(Arguments):
    """Which samples to look at."""

    model: str | None = Field(None, max_length=200)
    """Of this one alone."""

    limit: int = Field(12, ge=1, le=MOST)
    """How many."""

    below: float | None = None
    """Confidence below this alone."""

    picture: bool = True
    """Show images."""


class Doubtful(Facts):
    """A sample to look at."""

    handle: str
    model: str
    confidence: float | None = None
    fate: str | None = None
    """Why a filter did not accept it."""

    parent: str | None = None


class ReviewFacts(Facts):
    """What to look at next, the most doubtful first, as in the picture."""

    samples: list[Doubtful]
    kept: int
    """Looked at, the newest ones."""

    more: bool = False
    """There are older ones."""


async def _run(call: Call, asked: Review) -> Answer:
    summaries = await call.client.handles(LOOKED_AT + 1)
    wanted = [one for one in summaries if asked.model in (None, one.model)][:LOOKED_AT]
    found = await opened(call, wanted)
    if asked.below is not None:
        found = [one for one in found if (one.sample.confidence or 0.0) < asked.below]
    found.sort(key=lambda one: by_doubt(one.sample), reverse=True)
    first = found[: asked.limit]
    facts = ReviewFacts(
        samples=[_doubtful(one) for one in first],
        kept=len(wanted),
        more=len(summaries) > LOOKED_AT,
    )
    picture = await picture_of([one.sample for one in first]) if asked.picture else None
    return Answer(said(facts, first), facts, picture)


async def opened(call: Call, summaries: Sequence[HandleSummary]) -> list[Handle]:
    """Return handles, a few at a time; without those that are gone or damaged."""
    found: list[Handle] = []
    limiter = anyio.CapacityLimiter(TOGETHER)

    async def one(id: str) -> None:
        async with limiter:
            try:
                found.append(await call.client.handle(id))
            except SureflowError:
                return

    async with anyio.create_task_group() as group:
        for summary in summaries:
            group.start_soon(one, summary.id)
    return found


def _doubtful(handle: Handle) -> Doubtful:
    decision = handle.sample.decision
    turned_down = decision is not None and decision.action_taken != "accepted"
    return Doubtful(
        handle=handle.id,
        model=handle.model,
        confidence=rounded(handle.sample.confidence),
        fate=f"{decision.action_taken}: {reason(decision)}" if decision and turned_down else None,
        parent=handle.parent,
    )


def said(facts: ReviewFacts, first: Sequence[Handle]) -> str:
    """Return it in a few sentences."""
    if not first:
        return f"Nothing to look at, among {facts.kept} samples that are kept."
    meaning = standing([one.sample for one in first])
    return (
        f"{len(first)} of {facts.kept} kept samples, the most doubtful first. "
        f"{meaning.capitalize()}. Models of several kinds are not comparable."
    )


REVIEW = Tool(
    "review",
    "What to look at next: the samples that are kept for you, the most doubtful first.",
    Review,
    ReviewFacts,
    _run,
)
