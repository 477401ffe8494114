"""What tools answer that make samples."""

from __future__ import annotations

from pydantic import Field

from .._edit_result import EditResult
from .._job import Job
from .._result import Result
from .picture import picture_of
from .row import LISTED, Rest, Row, rest_of, row_of, standing
from .tool import Answer, Facts

GOES_ON = "it goes on as {id}; the tool job waits for it, and gives the samples"


class Made(Facts):
    """Samples, or the job that still makes them."""

    model: str
    seed: int | None = None
    made: int
    """With those turned down."""

    samples: list[Row] = Field(default_factory=list)
    """Accepted, the surest first, as in the picture."""

    not_listed: int | None = None

    rest: list[Rest] = Field(default_factory=list)
    """Not accepted, by reason."""

    score: str | None = None

    holds: bool | None = None
    """Confidence is a share; if not, an order."""

    original: Row | None = None
    """Of an edit."""

    warnings: list[str] | None = None
    job: str | None = None
    """Goes on; for the tool job."""

    state: str | None = None


async def made(result: Result, pictured: bool) -> Answer:
    """Return samples in short."""
    good = result.accepted().sorted()
    facts = Made(
        model=result.model,
        seed=result.seed,
        made=len(result),
        samples=[row_of(sample) for sample in good[:LISTED]],
        not_listed=max(len(good) - LISTED, 0) or None,
        rest=rest_of(result),
        score=next((sample.method for sample in result), None),
        holds=next((sample.confidence_holds for sample in result), None),
        original=row_of(result.original) if isinstance(result, EditResult) else None,
        warnings=[warning[:300] for warning in result.warnings[:3]] or None,
    )
    picture = await picture_of(good.samples) if pictured else None
    return Answer(said(result, facts), facts, picture)


def said(result: Result, facts: Made) -> str:
    """Return it in a few sentences."""
    good = facts.made - _turned_down(facts)
    order = ", here the surest first" if good > 1 else ""
    parts = [f"{facts.made} made by {facts.model}, {good} accepted{order}"]
    parts += [f"{rest.count} {rest.action} ({rest.why}){_range(rest)}" for rest in facts.rest]
    return f"{'; '.join(parts)}. {standing(result.samples).capitalize()}."


def going_on(job: Job) -> Answer:
    """Return that a job is not done."""
    progress = job.progress
    facts = Made(model=job.model, made=progress.done, job=job.id, state=job.state)
    return Answer(f"{progress.done} of {progress.n} made; {GOES_ON.format(id=job.id)}.", facts)


def _turned_down(facts: Made) -> int:
    return sum(rest.count for rest in facts.rest)


def _range(rest: Rest) -> str:
    if rest.confidence_from is None or rest.confidence_to is None:
        return ""
    return f", with confidences from {rest.confidence_from:.2f} to {rest.confidence_to:.2f}"
