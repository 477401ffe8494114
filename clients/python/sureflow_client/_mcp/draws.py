"""Draws of a model that wait for a verdict, as the tool ``review`` shows them."""

from __future__ import annotations

from collections.abc import Sequence

import PIL.Image
from pydantic import Field

from .._review import Proposed, Review
from .._sheet import contact_sheet
from .picture import drawn
from .row import rounded
from .tool import Facts

COMPONENTS = 8
"""Numbers that are shown of a vector."""


class Unjudged(Facts):
    """A draw without a verdict."""

    draw: str
    """For verdicts."""

    label: str | None = None

    values: list[float] | None = None


class Progress(Facts):
    """How far the review of a model has come."""

    model: str
    judged: int

    max_bad_rate: float
    needed: int | None = None
    """More good ones that certify it; left out where very many."""

    smallest: float | None = None
    """Bad rate that the verdicts would certify."""

    withdrawn: str | None = None
    """Why the certificate does not hold."""

    draws: list[Unjudged] = Field(default_factory=list)
    """To look at next, as in the picture; confidence is not told, not to sway."""


def progress_of(review: Review) -> Progress:
    """Return how far a review has come, and what to look at next, in short."""
    certificate = review.certificate
    return Progress(
        model=review.model,
        judged=review.judged,
        max_bad_rate=review.needed.max_bad_rate,
        needed=review.needed.verdicts,
        smallest=rounded(review.smallest),
        withdrawn=None if certificate is None else certificate.withdrawn,
        draws=[_unjudged(sample) for sample in review.samples],
    )


def said_of(progress: Progress) -> str:
    """Return it in a sentence."""
    more = "very many" if progress.needed is None else progress.needed
    left = len(progress.draws)
    return (
        f"{progress.judged} draws of {progress.model} have a verdict; {more} more good ones "
        f"certify a bad rate of {progress.max_bad_rate:g}. {left} to look at: say of each "
        "whether it is good or bad by verdicts, in their order and without leaving any out."
    )


async def picture_of_draws(samples: Sequence[Proposed]) -> PIL.Image.Image | None:
    """Return draws in one picture, each with its class; ``None`` if they are no images."""
    if not samples or any(len(sample.shape) != 3 for sample in samples):
        return None
    captions = [sample.label or "" for sample in samples]
    return await drawn(lambda: contact_sheet([one.image() for one in samples], captions))


def _unjudged(sample: Proposed) -> Unjudged:
    if len(sample.shape) == 3:
        return Unjudged(draw=sample.draw, label=sample.label)
    numbers = sample.array().ravel()[:COMPONENTS].tolist()
    values = [float(f"{number:.4g}") for number in numbers]
    return Unjudged(draw=sample.draw, label=sample.label, values=values)
