"""Jobs that a tool begins and waits for, up to a while."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress

import anyio

from .._base import pause_between_looks
from .._exceptions import SureflowError
from .._job import Job
from .._result import Result
from .tool import Call

FAREWELL_S = 5.0
"""Seconds in which a job is cancelled whose caller has left."""


async def watched(call: Call, jobs: Sequence[Job], wait_s: float) -> list[Job]:
    """Return how jobs stand once all have ended, or after so many seconds; tells of progress."""
    began, known = anyio.current_time(), [*jobs]
    while True:
        known = [job if job.ended else await call.client.jobs.get(job) for job in known]
        waited = anyio.current_time() - began
        if all(job.ended for job in known) or waited >= wait_s:
            return known
        await call.report(known)
        await anyio.sleep(pause_between_looks(waited, wait_s))


@asynccontextmanager
async def stopped_with(call: Call, jobs: Iterable[Job]) -> AsyncGenerator[None, None]:
    """Cancel jobs if the call is cancelled meanwhile, since nobody knows of them then."""
    try:
        yield
    except anyio.get_cancelled_exc_class():
        with anyio.move_on_after(FAREWELL_S, shield=True):
            for job in jobs:
                await forget(call, job)
        raise


async def outcome(call: Call, job: Job) -> Result | None:
    """Return what a job came to, which the server need not keep then; ``None`` if it goes on.

    Raises:
        ProblemError: It failed; the subclass says why.
    """
    if not job.ended:
        return None
    try:
        return job.outcome()
    finally:
        await forget(call, job)


async def forget(call: Call, job: Job) -> None:
    """Cancel a job, or have one forgotten that has ended."""
    with suppress(SureflowError):
        await call.client.jobs.cancel(job)
