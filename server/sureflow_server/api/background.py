"""A request that goes on without its client, and is asked after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from secrets import token_hex
from time import time
from typing import Any, Literal

from sureflow.core.lane import Sample
from sureflow_server.api.answer import head, tail
from sureflow_server.api.handle_options import moment
from sureflow_server.api.problems import Problem, to_problem
from sureflow_server.api.run import Result, Run
from sureflow_server.api.stream import Events, named
from sureflow_server.engine.errors import EngineError
from sureflow_server.engine.job import Job
from sureflow_server.engine.messages import Progress, Started

log = logging.getLogger(__name__)

State = Literal["queued", "running", "completed", "failed", "cancelled"]

OVERHEAD_BYTES = 4096
"""Counted for every job, so that small ones are bounded in number as well."""


class Background:
    """Follows a run to its end and remembers what came of it. Made in the event loop.

    The ``document`` is what a client that waits would get; the result is kept for ``lifetime_s``.

    Attributes:
        id: By which it is asked after.
        state: How it stands.
        created: When it was accepted, in seconds since the epoch.
        ended: When it ended, likewise; ``None`` as long as it has not.
        error: Why it did not come to its end.
        lanes: Step and time of the lanes that run, by number.
        changed: Set at the next change, and then replaced.
    """

    def __init__(
        self,
        run: Run,
        owner: str,
        request_id: str,
        path: str,
        document: Callable[[], dict[str, Any]],
        before: Callable[[Job], int],
        lifetime_s: float,
    ) -> None:
        self.id = f"job_{token_hex(16)}"
        self.run = run
        self.owner = owner
        self.state: State = "queued"
        self.created = time()
        self.ended: float | None = None
        self.error: dict[str, Any] | None = None
        self.lanes: dict[int, tuple[int, float]] = {}
        self.changed = asyncio.Event()
        self._opening = head(run.plan, request_id)
        self._path = path
        self._document = document
        self._before = before
        self._lifetime_s = lifetime_s
        self._log: list[Started | Result] = []
        self._task = asyncio.create_task(self._follow())

    @property
    def size(self) -> int:
        """Bytes that it is counted with."""
        return OVERHEAD_BYTES + sum(_size(result.sample) for result in self.run.results)

    async def cancel(self) -> None:
        """Free its lanes, unless it has ended; returns when that is so."""
        self._task.cancel()
        await asyncio.wait({self._task})
        # A task that was cancelled before it began has done nothing.
        self.run.leave()
        self._end("cancelled", Problem("cancelled", "its owner cancelled the job"))

    async def wait(self) -> None:
        """Wait until it has ended."""
        while self.ended is None:
            await self.changed.wait()

    def summary(self) -> dict[str, Any]:
        """Return how it stands in short, the schema being ``JobSummary``."""
        plan, ended = self.run.plan, self.ended
        return {
            "id": self.id,
            "operation": plan.kind,
            "state": self.state,
            "model": plan.card.name,
            "model_version": plan.card.version,
            "created_at": moment(self.created),
            "ended_at": None if ended is None else moment(ended),
            "expires_at": None if ended is None else moment(ended + self._lifetime_s),
            "progress": {"done": self.run.done, "n": len(plan.lanes)},
            "error": self.error,
        }

    def record(self) -> dict[str, Any]:
        """Return how it stands, the schema being ``JobRecord``."""
        short = self.summary()
        lanes = [{"index": lane, "step": s, "t": t} for lane, (s, t) in sorted(self.lanes.items())]
        position = self._before(self.run.job) if self.state == "queued" else None
        result = self._document() if self.state == "completed" else None
        progress = {**short["progress"], "queue_position": position, "lanes": lanes}
        return {**short, "progress": progress, "result": result}

    async def events(self, first: int) -> Events:
        """Yield events from this number on, with their numbers and names, to the last one.

        Steps have no number: a client that comes later hears of the latest ones only.
        """
        number, known = first, dict[int, tuple[int, float]]()
        while True:
            changed, ended = self.changed, self.ended is not None
            for name, data in self.numbered(number):
                yield number, name, data
                number += 1
            for lane, reached in [*self.lanes.items()]:
                if known.get(lane) != reached:
                    known[lane] = reached
                    yield None, "step", {"index": lane, "step": reached[0], "t": reached[1]}
            if ended:
                return
            await changed.wait()

    def numbered(self, first: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what has happened so far, from this number on; the end is the last."""
        if first == 0:
            yield "queued", {**self._opening, "n": len(self.run.plan.lanes)}
        for event in self._log[max(first - 1, 0) :]:
            yield named(event, self.run)
        if self.ended is not None and first <= len(self._log) + 1:
            if self.error is not None:
                yield "error", self.error
            else:
                count = len(self.run.results)
                yield "completed", {**self._opening, "n": count, **tail(self.run)}

    def lost(self) -> dict[str, Any]:
        """Return why it will have failed if this server dies."""
        problem = Problem("request-failed", "the server that ran the job has died")
        return problem.as_json(self._path, str(self._opening["id"]))

    async def _follow(self) -> None:
        try:
            async with aclosing(self.run.events()) as events:
                async for event in events:
                    self._take(event)
        except EngineError as error:
            self._end("failed", to_problem(error))
        except Exception:
            log.exception("the job %s failed", self.id)
            self._end("failed", Problem("internal", "an unexpected error; the log has the details"))
        else:
            self._end("completed")

    def _take(self, event: Started | Progress | Result | None) -> None:
        if isinstance(event, Progress):
            self.lanes[event.lane] = event.step, event.t
        elif event is not None:
            self._log.append(event)
            self.state = "running"
        if isinstance(event, Result):
            first = self.run.plan.lanes[0].index
            self.lanes.pop(event.sample.spec.index - first, None)
        self._notify()

    def _end(self, state: State, problem: Problem | None = None) -> None:
        if self.ended is not None:
            return
        self.state, self.ended = state, time()
        self.lanes.clear()
        if problem is not None:
            self.error = problem.as_json(self._path, str(self._opening["id"]))
        for result in self.run.results:
            # What no answer shows need not be kept for later.
            result.sample = replace(result.sample, frames=(), views=(), start=None)
        self._notify()

    def _notify(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


def _size(sample: Sample) -> int:
    arrays = (sample.data, sample.map, sample.t, sample.rate, *sample.fields.values())
    return sum(array.nbytes for array in arrays)
