"""A request that goes on without its client, and is asked after."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from secrets import token_hex
from sys import getsizeof
from time import time
from typing import Any, Literal

from sureflow_server.api.answer import head, tail
from sureflow_server.api.answer_budget import Claim
from sureflow_server.api.handle_options import moment
from sureflow_server.api.history import History
from sureflow_server.api.json_pieces import pieces, text
from sureflow_server.api.off_loop import off_loop
from sureflow_server.api.problems import Problem, to_problem
from sureflow_server.api.run import Happening, Result, Run
from sureflow_server.api.stream import Events
from sureflow_server.engine.errors import EngineError
from sureflow_server.engine.job import Job
from sureflow_server.engine.messages import Progress, Started

log = logging.getLogger(__name__)

State = Literal["queued", "running", "completed", "failed", "cancelled"]

OVERHEAD_BYTES = 4096
"""Of an ended job beside its events and its result."""

PART_BYTES = 8
"""Of the place of each part of a result."""


class Background:
    """Follows a run to its end and keeps what came of it. Made in the event loop.

    Once it has ended, nothing is left of it but JSON: its ``result``, which is the answer that a
    client that waits would get, and its events. Both share the records of samples.

    Attributes:
        id: By which it is asked after.
        state: How it stands.
        created: When it was accepted, in seconds since the epoch.
        ended: When it ended, likewise; ``None`` as long as it has not.
        error: Why it did not come to its end.
        lanes: Step and time of the lanes that run, by number.
        changed: Set at the next change, and then replaced.
        result: The answer as JSON, in parts, once it is completed; else empty.
        event_bytes: Of its largest event, about.
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
        claim: Claim,
    ) -> None:
        self.id = f"job_{token_hex(16)}"
        self.owner = owner
        self.state: State = "queued"
        self.created = time()
        self.ended: float | None = None
        self.error: dict[str, Any] | None = None
        self.lanes: dict[int, tuple[int, float]] = {}
        self.changed = asyncio.Event()
        self.result: tuple[bytes, ...] = ()
        self.event_bytes = run.plan.record_bytes
        self._run: Run | None = run
        self._done, self._n = 0, len(run.plan.lanes)
        self._about = {
            "operation": run.plan.kind,
            "model": run.plan.card.name,
            "model_version": run.plan.card.version,
        }
        self._opening = head(run.plan, request_id)
        self._history = History({**self._opening, "n": self._n})
        self._path = path
        self._before = before
        self._lifetime_s = lifetime_s
        self._claim = claim
        self._task = asyncio.create_task(self._follow(run, document))

    @property
    def size(self) -> int:
        """Bytes that it takes once it has ended."""
        told = {id(data) for _, data in self._history.events}
        own = sum(PART_BYTES + (id(p) not in told and getsizeof(p)) for p in self.result)
        return OVERHEAD_BYTES + self._history.size + own

    async def cancel(self) -> None:
        """Free its lanes, unless it has ended; returns when that is so."""
        self._task.cancel()
        await asyncio.wait({self._task})
        # A task that was cancelled before it began has done nothing.
        if self._run is not None:
            self._run.leave()
        await self._end("cancelled", Problem("cancelled", "its owner cancelled the job"))

    async def wait(self) -> None:
        """Wait until it has ended."""
        while self.ended is None:
            await self.changed.wait()

    def summary(self) -> dict[str, Any]:
        """Return how it stands in short, the schema being ``JobSummary``."""
        ended, done = self.ended, self._done if self._run is None else self._run.done
        return {
            "id": self.id,
            "request": self._opening["id"],
            "operation": self._about["operation"],
            "state": self.state,
            "model": self._about["model"],
            "model_version": self._about["model_version"],
            "created_at": moment(self.created),
            "ended_at": None if ended is None else moment(ended),
            "expires_at": None if ended is None else moment(ended + self._lifetime_s),
            "progress": {"done": done, "n": self._n},
            "error": self.error,
        }

    def record(self) -> dict[str, Any]:
        """Return how it stands, the schema being ``JobRecord`` but for the result."""
        short = self.summary()
        lanes = [{"index": lane, "step": s, "t": t} for lane, (s, t) in sorted(self.lanes.items())]
        queued = self._run if self.state == "queued" else None
        position = None if queued is None else self._before(queued.job)
        progress = {**short["progress"], "queue_position": position, "lanes": lanes}
        return {**short, "progress": progress}

    async def events(self, first: int) -> Events:
        """Yield events from this number on, with their numbers and names, to the last one.

        Steps have no number: a client that comes later hears of the latest ones only.
        """
        number, known = first, dict[int, tuple[int, float]]()
        while True:
            changed, ended = self.changed, self.ended is not None
            for name, data in await self.numbered(number):
                yield number, name, data
                number += 1
            for lane, reached in [*self.lanes.items()]:
                if known.get(lane) != reached:
                    known[lane] = reached
                    step = {"index": lane, "step": reached[0], "t": reached[1]}
                    yield None, "step", text(step)
            if ended:
                return
            await changed.wait()

    async def numbered(self, first: int) -> list[tuple[str, bytes]]:
        """Return what has happened so far, from this number on; the end is the last."""
        if self._run is not None:
            await self._history.encode(self._run.plan)
        return self._history.events[first:]

    def lost(self) -> dict[str, Any]:
        """Return why it will have failed if this server dies."""
        problem = Problem("request-failed", "the server that ran the job has died")
        return problem.as_json(self._path, str(self._opening["id"]))

    async def _follow(self, run: Run, document: Callable[[], dict[str, Any]]) -> None:
        try:
            async with aclosing(run.events()) as events:
                async for event in events:
                    self._take(event)
            await self._history.encode(run.plan)
            size = run.plan.answer_bytes
            result = await off_loop(lambda: tuple(pieces(document())), size)
        except EngineError as error:
            await self._end("failed", to_problem(error))
        except Exception:
            log.exception("the job %s failed", self.id)
            problem = Problem("internal", "an unexpected error; the log has the details")
            await self._end("failed", problem)
        else:
            await self._end("completed", result=result)

    def _take(self, event: Happening | None) -> None:
        if isinstance(event, Progress):
            if self._run is not None:
                self.lanes[self._run.plan.index_of(event.lane)] = event.step, event.t
        elif isinstance(event, Started | Result):
            self._history.add(event)
            self.state = "running"
        if isinstance(event, Result) and self._run is not None:
            self.lanes.pop(event.sample.spec.index, None)
        self._notify()

    async def _end(
        self, state: State, problem: Problem | None = None, result: tuple[bytes, ...] = ()
    ) -> None:
        run = self._run
        if run is not None:
            await self._history.encode(run.plan)
        if run is None or self.ended is not None:
            return
        if problem is not None:
            self.error = problem.as_json(self._path, str(self._opening["id"]))
            self._history.end("error", self.error)
        else:
            count = len(run.results)
            self._history.end("completed", {**self._opening, "n": count, **tail(run)})
        self.state, self.result, self._done = state, result, run.done
        self.ended = time()
        self.lanes.clear()
        # All that is shown of them is encoded.
        self._run, self._before = None, lambda job: 0
        self._claim.release()
        self._notify()

    def _notify(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()
