"""Requests under way: begun, followed to their end, and stopped when nobody follows any more."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing, suppress

from sureflow_client import (
    AsyncClient,
    Completed,
    Event,
    Queued,
    Sample,
    SampleEvent,
    Started,
    Step,
    SureflowError,
)

from .group import Group
from .run import Run

LOOK_S = 1.0
"""Between two questions for the place in the queue."""

Heard = Callable[[Group, Run, Sample | None], None]
"""Is told of each sample, and, without one, of each step."""

_followers: Counter[str] = Counter()
"""Pages of this process that follow a job: one that is loaded again overlaps with itself."""


async def begin(client: AsyncClient, group: Group) -> None:
    """Send the requests, all or none.

    Raises:
        SureflowError: The server refuses one.
    """
    try:
        for run in group.runs:
            job = await client.jobs.generate(run.model.name, run.n, **run.options)
            run.job, run.request = job.id, job.request or job.id
    except BaseException:
        await stop(client, group)
        raise


async def stop(client: AsyncClient, group: Group) -> None:
    """Stop what is under way, so that the server works on it no longer."""
    for run in group.runs:
        if run.job is not None and run.end is None:
            with suppress(SureflowError):
                await client.jobs.cancel(run.job)


async def follow(client: AsyncClient, group: Group, heard: Heard) -> None:
    """Take in the samples of all requests as they come.

    When it is cancelled and no other page follows a request, that is stopped.

    Raises:
        SureflowError: One has failed; the others are stopped.
    """
    jobs = [run.job for run in group.runs if run.job is not None]
    _followers.update(jobs)
    waiting = asyncio.create_task(_wait(client, group, heard))
    runs = [asyncio.create_task(_run(client, group, run, heard)) for run in group.runs]
    try:
        await asyncio.gather(*runs)
    finally:
        for task in (waiting, *runs):
            task.cancel()
        await asyncio.wait((waiting, *runs))
        left = [job for job in jobs if _leave(job)]
        if left:
            await asyncio.shield(stop(client, group))


def _leave(job: str) -> bool:
    """Follow a job no longer; return whether nobody does any more."""
    _followers[job] -= 1
    if _followers[job] > 0:
        return False
    del _followers[job]
    return True


async def _run(client: AsyncClient, group: Group, run: Run, heard: Heard) -> None:
    if run.job is None:
        return
    async with aclosing(client.jobs.events(run.job)) as events:
        async for event in events:
            _take(group, run, event)
            if isinstance(event, SampleEvent):
                heard(group, run, event.sample)
            elif isinstance(event, Step | Started):
                heard(group, run, None)


def _take(group: Group, run: Run, event: Event) -> None:
    if isinstance(event, Queued):
        run.seed, run.version = event.seed, event.model_version
    elif isinstance(event, Started):
        group.progress.start()
    elif isinstance(event, Step):
        group.progress.reach((id(run), event.index), event.t)
    elif isinstance(event, SampleEvent):
        run.samples.append(event.sample)
        group.progress.reach((id(run), event.sample.index), 1.0)
    elif isinstance(event, Completed):
        run.end = event


async def _wait(client: AsyncClient, group: Group, heard: Heard) -> None:
    """Ask for the place in the queue until the first request has started."""
    run = group.runs[0]
    while run.job is not None:
        with suppress(SureflowError):
            group.progress.before = (await client.jobs.get(run.job)).progress.queue_position
            if group.progress.before is None:
                return
            heard(group, run, None)
        await asyncio.sleep(LOOK_S)
