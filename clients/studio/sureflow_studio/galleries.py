"""The galleries of a visit: those under way, and the latest of those that have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sureflow_client import JobCancelled, Sample, SureflowError

from .ask import Ask
from .family import Member
from .follow import begin, follow, stop
from .group import Group
from .place import Place
from .recipe import generated
from .restore import restore
from .run import Run
from .session import Session

MOST = 8
"""Kept for the way back; earlier ones are fetched again."""

Heard = Callable[[Group, Run, Sample | None], None]
Ended = Callable[[Group, SureflowError | None], None]


class Galleries:
    """Begins, follows and finds them.

    Args:
        session: Of the visitor.
        heard: Is told of samples, and without one, of steps.
        ended: Is told that a gallery has come to its end, and of what went wrong.
    """

    def __init__(self, session: Session, heard: Heard, ended: Ended) -> None:
        self.session, self._heard, self._ended = session, heard, ended
        self._known: dict[tuple[str, ...], Group] = {}
        self._tasks: dict[Group, asyncio.Task[None]] = {}

    def under_way(self, group: Group | None) -> bool:
        """Return whether samples of a gallery are still being made."""
        return group in self._tasks

    async def ask(self, ask: Ask) -> Group:
        """Send what was asked for; returns the gallery once the server has taken all of it.

        Raises:
            SureflowError: It refuses.
        """
        model = self.session.models[ask.model]
        group = Group(model, ask, ask.runs(model))
        await begin(self.session.client, group)
        self._keep(group)
        return group

    async def at(self, place: Place) -> Group | None:
        """Return the gallery of an address; ``None`` for the empty one, and for what is gone.

        Raises:
            SureflowError: The server did not say.
        """
        if place.requests not in self._known and place.requests:
            found = await restore(self.session, place)
            if found is not None and place.requests not in self._known:
                self._keep(found)
        return self._known.get(place.requests)

    async def stop(self, group: Group) -> None:
        """Stop making its samples."""
        await stop(self.session.client, group)

    async def close(self) -> None:
        """Follow nothing any more, so that the server stops working."""
        tasks = [*self._tasks.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _keep(self, group: Group) -> None:
        for run, sample in group.made():
            self._meet(run, sample)
        if not group.note:
            self._tasks[group] = asyncio.create_task(self._follow(group))
        self._known[group.place.requests] = group
        idle = [name for name, one in self._known.items() if not self.under_way(one)]
        for name in idle[:-MOST]:
            del self._known[name]

    async def _follow(self, group: Group) -> None:
        failure = None
        try:
            await follow(self.session.client, group, self._take)
            group.finish()
        except (asyncio.CancelledError, JobCancelled):
            group.note = f"stopped after {len(group.samples())} of {group.n}"
        except SureflowError as error:
            failure = error
            group.note = f"broke off after {len(group.samples())} of {group.n}"
        finally:
            del self._tasks[group]
            self._ended(group, failure)

    def _take(self, group: Group, run: Run, sample: Sample | None) -> None:
        if sample is not None:
            self._meet(run, sample)
        self._heard(group, run, sample)

    def _meet(self, run: Run, sample: Sample) -> None:
        """Take a sample into the family, if it can be opened."""
        if sample.handle is not None:
            known = bool(run.options)
            made = generated(run.model.name, run.version, run.options, sample) if known else None
            member = Member(sample.handle.id, run.model.name, sample=sample, recipe=made)
            self.session.family.add(member)
