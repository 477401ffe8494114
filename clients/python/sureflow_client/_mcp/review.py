"""The tool ``review``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import anyio
from pydantic import Field

from .._exceptions import SureflowError
from .._handle import Handle, HandleSummary
from .._result import by_doubt
from .draws import Progress, picture_of_draws, progress_of, said_of
from .picture import picture_of
from .row import reason, rounded, standing
from .tool import Answer, Arguments, Call, Facts, Tool

MOST, LOOKED_AT, TOGETHER = 24, 64, 8
"""Samples that are listed; handles that are looked at, the newest ones; and how many at once."""


class Said(Arguments):
    """A verdict on a sample."""

    sample: str = Field(max_length=200)
    """Handle (hdl_...) or draw (drw_...)."""

    verdict: Literal["good", "bad"] | float | None
    """Or a number, larger if worse; null takes it back."""


class Review(Arguments):
    """Which samples to look at, and what was thought of others."""

    verdicts: list[Said] = Field(default_factory=list, max_length=100)
    """Kept first; those on draws make a certificate, those on handles do not."""

    draws: bool = False
    """Random draws of the model in place of what is kept; they count for its certificate."""

    max_bad_rate: float = Field(0.02, gt=0, lt=1)
    """With draws: to be certified."""

    model: str | None = Field(None, max_length=200)
    """Of this one alone; draws are of one."""

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

    samples: list[Doubtful] = Field(default_factory=list)
    kept: int | None = None
    """Looked at, the newest."""

    verdicts: int | None = None

    review: Progress | None = None
    """With draws."""

    more: bool = False


async def _run(call: Call, asked: Review) -> Answer:
    """Keep verdicts, then show draws or what is kept for the caller."""
    given, words = None, ""
    if asked.verdicts:
        kept = await call.client.judge([(one.sample, one.verdict) for one in asked.verdicts])
        given, words = kept.kept, f"{kept.kept} verdicts are kept. "
        words += "".join(f"The certificate of {one.model} is withdrawn. " for one in kept.withdrawn)
    answer = await (_draws if asked.draws else _own)(call, asked)
    facts = answer.facts.model_copy(update={"verdicts": given})
    return Answer(words + answer.says, facts, answer.picture)


async def _draws(call: Call, asked: Review) -> Answer:
    """Draws of a model, chosen by the server."""
    if asked.model is None:
        raise ValueError("model: draws are of one model; list_models names them")
    rate = asked.max_bad_rate
    found = await call.client.review(asked.model, asked.limit, max_bad_rate=rate)
    progress = progress_of(found)
    picture = await picture_of_draws(found.samples) if asked.picture else None
    return Answer(said_of(progress), ReviewFacts(review=progress), picture)


async def _own(call: Call, asked: Review) -> Answer:
    """What is kept for the caller, the most doubtful first."""
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
    "What to look at next: samples that are kept for you, the most doubtful first; or draws of a "
    "model, whose verdicts certify its bad rate. Keeps verdicts.",
    Review,
    ReviewFacts,
    _run,
    changes="adds",
)
