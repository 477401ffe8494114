"""The tool ``rewind``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from .._edit_result import EditResult
from .._exceptions import SureflowError
from .._job import Job
from .._moment import At, AtCommit, AtTime
from .._operations import Condition, OperationLike, Resample, Uncertain
from .._result import by_doubt
from .._sample import Sample
from .picture import picture_of
from .row import Row, row_of, standing
from .sampling import Waiting
from .tool import Answer, Call, Facts, Tool
from .work import outcome, stopped_with, watched

MOST_HANDLES, MOST_BRANCHES, MOST_TOGETHER = 8, 16, 32


class Rewind(Waiting):
    """Where samples are taken up again, and what is done there."""

    handles: list[str] = Field(min_length=1, max_length=MOST_HANDLES)
    """Of the samples."""

    at: float | Literal["commit"] = "commit"
    """A time 0 <= t < 1 (0: noise), or when it had mostly decided."""

    shift: float = Field(0.0, gt=-1, lt=1)
    """Added to the time of commit: -0.1 leaves more open."""

    branches: int = Field(4, ge=1, le=MOST_BRANCHES)
    """Alternatives of each."""

    label: int | str | None = None
    """Another class from there on."""

    guidance: float | None = None
    """Another guidance from there on."""

    resample: float | None = Field(None, ge=0, le=1)
    """Share of the noise drawn anew; by default 1, or 0 with operations."""

    only_unsure: float | None = Field(None, gt=0, le=1)
    """Draw anew in this share alone, the least sure part."""

    operations: list[dict[str, Any]] = Field([], max_length=8)
    """Others, each with its type; list_models with a name has them."""

    seed: int | None = Field(None, ge=0)
    """By default drawn, and answered."""

    def operated(self) -> list[OperationLike]:
        """Return the operations in their order."""
        strength = self.resample
        if strength is None:
            strength = 0.0 if self.operations else 1.0
        region = "all" if self.only_unsure is None else Uncertain(self.only_unsure)
        found: list[OperationLike] = [Resample(strength, region)] if strength else []
        if self.label is not None or self.guidance is not None:
            found.append(Condition(self.label, self.guidance))
        return [*found, *self.operations]

    def moment(self) -> At:
        """Return where, as the client has it."""
        if isinstance(self.at, float):
            return AtTime(self.at)
        return AtCommit(shift=self.shift)


class Rewound(Facts):
    """What came of one sample."""

    handle: str

    at: float

    original: Row
    best: Row | None = None
    """If it is surer than the original."""

    branches: list[Row]
    """The surest first."""


class Failed(Facts):
    """A sample that could not be rewound."""

    handle: str
    why: str


class RewindFacts(Facts):
    """What came of all samples."""

    rewound: list[Rewound]
    failed: list[Failed] = Field(default_factory=list)
    jobs: list[str] = Field(default_factory=list)
    """Go on; for the tool job."""


async def _run(call: Call, asked: Rewind) -> Answer:
    handles = [*dict.fromkeys(asked.handles)]
    if len(handles) * asked.branches > MOST_TOGETHER:
        raise ValueError(f"branches: at most {MOST_TOGETHER} of all handles together")
    jobs: dict[str, Job] = {}
    failed: dict[str, SureflowError] = {}
    async with stopped_with(call, jobs.values()):
        for handle in handles:
            await _begin(call, asked, handle, jobs, failed)
        known = await watched(call, [*jobs.values()], asked.wait_s) if jobs else []
        results: dict[str, EditResult] = {}
        for handle, job in zip(jobs, known, strict=True):
            await _end(call, handle, job, results, failed)
    if len(failed) == len(handles):
        raise next(iter(failed.values()))
    facts = RewindFacts(
        rewound=[_rewound(handle, result) for handle, result in results.items()],
        failed=[Failed(handle=handle, why=str(why)[:200]) for handle, why in failed.items()],
        jobs=[job.id for job in known if not job.ended],
    )
    shown = [one for result in results.values() for one in _all_of(result)]
    picture = await picture_of(shown, asked.branches + 1) if asked.picture else None
    return Answer(said(facts, shown), facts, picture)


async def _begin(
    call: Call,
    asked: Rewind,
    handle: str,
    jobs: dict[str, Job],
    failed: dict[str, SureflowError],
) -> None:
    """Begin with a sample."""
    try:
        jobs[handle] = await call.client.jobs.edit(
            handle,
            asked.operated(),
            at=asked.moment(),
            branches=asked.branches,
            seed=asked.seed,
            rewind=True,
        )
    except SureflowError as error:
        failed[handle] = error


async def _end(
    call: Call,
    handle: str,
    job: Job,
    results: dict[str, EditResult],
    failed: dict[str, SureflowError],
) -> None:
    """Take down what came of a sample, if it is done."""
    try:
        result = await outcome(call, job)
    except SureflowError as error:
        failed[handle] = error
        return
    if isinstance(result, EditResult):
        results[handle] = result


def _rewound(handle: str, result: EditResult) -> Rewound:
    return Rewound(
        handle=handle,
        at=round(result.at.t, 4),
        original=row_of(result.original),
        best=None if result.chosen is None else row_of(result.best),
        branches=[row_of(sample) for sample in sorted(result.samples, key=by_doubt)],
    )


def _all_of(result: EditResult) -> list[Sample]:
    return [result.original, *sorted(result.samples, key=by_doubt)]


def said(facts: RewindFacts, shown: Sequence[Sample]) -> str:
    """Return it in a few sentences."""
    better = sum(one.best is not None for one in facts.rewound)
    parts = [f"{len(facts.rewound)} rewound; of {better} a branch is surer than the sample itself."]
    if facts.failed:
        parts.append(f"{len(facts.failed)} could not be: {facts.failed[0].why}.")
    if facts.jobs:
        parts.append(f"Still under way: {', '.join(facts.jobs)}; the tool job waits for them.")
    if shown:
        parts.append(f"{standing(shown).capitalize()}. In the picture a row is a sample and")
        parts.append("its branches, the surest first.")
    return " ".join(parts)


REWIND = Tool(
    "rewind",
    "Take samples back to a moment of their making, by default when each had mostly decided, and "
    "send them elsewhere from there: other noise, class or guidance, or any operation of the "
    "model. Answers branches, each with a confidence and a handle.",
    Rewind,
    RewindFacts,
    _run,
    changes="adds",
)
