"""Galleries of earlier visits, from what the server still keeps of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sureflow_client import (
    AsyncClient,
    GenerateOptions,
    Handle,
    HandleSummary,
    Model,
    SureflowError,
)

from .ask import Ask
from .asked import ask_of
from .group import Group
from .place import Place
from .run import Run
from .session import Session

MOST_JOBS = 1000
MOST_HANDLES = 5000
AT_ONCE = 8
"""Handles that are fetched at the same time."""


@dataclass(frozen=True)
class Earlier:
    """A request of which the server still keeps samples.

    Attributes:
        request: Its id.
        model: Name of the model.
        handles: Ids of the handles, the latest first.
        at: When the latest of them was made.
    """

    request: str
    model: str
    handles: tuple[str, ...]
    at: datetime


def earlier(handles: Iterable[HandleSummary]) -> list[Earlier]:
    """Return the requests that made samples, not branches, the latest first."""
    found: dict[str, list[HandleSummary]] = {}
    for handle in handles:
        if handle.request is not None and handle.parent is None:
            found.setdefault(handle.request, []).append(handle)
    return [
        Earlier(request, some[0].model, tuple(one.id for one in some), some[0].created_at)
        for request, some in found.items()
    ]


async def restore(session: Session, place: Place) -> Group | None:
    """Return the gallery of an address, as far as the server still has it; ``None`` if not at all.

    A request that is under way, or has ended not long ago, is a job that can be followed. Of others
    the handles are left, also after the server has been started again.

    Raises:
        SureflowError: The server did not say.
    """
    jobs = {job.request: job for job in await session.client.jobs.list(MOST_JOBS)}
    kept = {one.request: one for one in earlier(await session.client.handles(MOST_HANDLES))}
    known = [jobs.get(id) or kept.get(id) for id in place.requests]
    names = [one.model for one in known if one is not None]
    model = session.models.get(names[0]) if names else None
    if model is None:
        return None
    runs = _asked(place, model)
    for run, request in zip(runs, place.requests, strict=True):
        run.request = request
        if request in jobs:
            run.job = jobs[request].id
        elif request in kept:
            await _fetch(session.client, run, kept[request].handles)
    group = Group(model, place.ask or _only(runs), runs)
    if not any(run.job for run in runs):
        count = sum(len(run.samples) for run in runs)
        group.note = f"{count} of {group.n} samples are still on the server"
    return group


def _asked(place: Place, model: Model) -> list[Run]:
    """The requests as they were asked for, if that is known."""
    runs = [] if place.ask is None or place.ask.model != model.name else place.ask.runs(model)
    if len(runs) == len(place.requests):
        return runs
    return [Run(model, 0, {}) for _ in place.requests]


def _only(runs: list[Run]) -> Ask | None:
    """The question of a single request, as the server has kept it."""
    (run, *others) = runs
    return Ask(run.model.name, run.n, run.options) if run.options and not others else None


async def _fetch(client: AsyncClient, run: Run, handles: Iterable[str]) -> None:
    """Take in the samples of handles; those that are gone meanwhile are left out."""
    door = asyncio.Semaphore(AT_ONCE)

    async def fetch(id: str) -> Handle | None:
        async with door:
            with suppress(SureflowError):
                return await client.handle(id)
        return None

    found = [one for one in await asyncio.gather(*map(fetch, handles)) if one is not None]
    run.samples = sorted((one.sample for one in found), key=lambda sample: sample.index)
    for one in found:
        run.seed, run.version = one.sample.seed, one.model_version
        if not run.options and (ask := ask_of(one.asked)) is not None:
            run.options, run.n = cast("GenerateOptions", ask.options), ask.n
    run.n = max(run.n, len(run.samples))
