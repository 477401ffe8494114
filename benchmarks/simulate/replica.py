"""A server on a simulated clock: the real scheduler and forecast, ticks of known cost."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

import numpy as np

from benchmarks.simulate.costs import Costs
from sureflow.core.card import ModelCard
from sureflow.core.family import cost_of
from sureflow.core.lane import Commit, LaneSpec, Sample
from sureflow_server.engine.forecast import Forecast
from sureflow_server.engine.job import Job
from sureflow_server.engine.loader import SLOTS_PER_ROW
from sureflow_server.engine.messages import Terms, TickStats
from sureflow_server.engine.row_budget import tick_seconds
from sureflow_server.engine.scheduler import Scheduler

MODEL = "simulated"
MAX_QUEUED = 4096
CARD = ModelCard(MODEL, "sha256:0", "vector", (1,), (), 0)
NOTHING = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as it reaches a replica.

    Attributes:
        id: Its number; they rise in the order of arrival.
        lanes: What to make.
        evaluations: Ticks that each of the lanes will take.
        deadline: When it is given up, on the simulated clock; infinite for never.
    """

    id: int
    lanes: tuple[LaneSpec, ...]
    evaluations: tuple[int, ...]
    deadline: float = inf


@dataclass(slots=True, eq=False)
class _Lane:
    job: Job
    number: int
    rows: int
    evaluations: int
    left: int


@dataclass(slots=True)
class Load:
    """Sums over a window of time.

    Attributes:
        begin: Of the window.
        end: Of the window.
        busy_s: Seconds in ticks.
        waiting_s: Lanes that waited, times seconds.
        rows: Network rows, by the time that they took.
        ticks: Likewise.
    """

    begin: float = 0.0
    end: float = inf
    busy_s: float = 0.0
    waiting_s: float = 0.0
    rows: float = 0.0
    ticks: float = 0.0

    def add(self, since: float, until: float, rows: int, tick_s: float, waiting: int) -> None:
        """Add a time in which nothing changed; ``rows`` are those of its ticks, 0 if it slept."""
        seconds = min(until, self.end) - max(since, self.begin)
        if seconds <= 0:
            return
        self.waiting_s += seconds * waiting
        if rows:
            self.busy_s += seconds
            self.ticks += seconds / tick_s
            self.rows += seconds / tick_s * rows


class Replica:
    """Takes requests and ends them, as the server's ``Pool`` and ``TickLoop`` do.

    Ticks between two changes are all alike, so they pass as one stretch: until the first lane is
    done, or to the end of the tick in which something arrives.

    Args:
        costs: Of a tick.
        load: Where time and rows are summed up.
        admission: Whether requests whose deadline cannot be met are refused.

    Attributes:
        due: When the present stretch ends; infinite if there is nothing to do.
    """

    def __init__(self, costs: Costs, load: Load, admission: bool = True) -> None:
        self._costs = costs
        self._load = load
        self._admission = admission
        self._scheduler: Scheduler[_Lane] = Scheduler()
        self._forecast = Forecast()
        self._forecast.expect({MODEL: costs.expected_s})
        self._jobs: dict[int, Job] = {}
        self._reserved = 0
        self._running: dict[int, _Lane] = {}
        self._paused: dict[int, _Lane] = {}
        self._stale = False
        self._began = self._seen = 0.0
        self._tick_s = 0.0
        self._rows = 0
        self._ticks = 0
        self.due = inf

    @property
    def waiting(self) -> int:
        """Lanes that have no rows, paused ones included."""
        return self._scheduler.waiting(MODEL) + len(self._paused)

    def offer(self, now: float, ask: Ask) -> bool:
        """Hand over a request that arrives now; returns whether it is accepted."""
        if self._reserved + len(ask.lanes) > MAX_QUEUED:
            return False
        job = Job(
            ask.id,
            CARD,
            dict(enumerate(ask.lanes)),
            False,
            lambda _: None,
            Terms(deadline=ask.deadline),
            self._forecast.lane_rows(MODEL, ask.lanes[0]),
        )
        if self._admission and ask.deadline < inf:
            seconds = self._forecast.seconds(job, self._jobs.values(), now)
            if seconds > ask.deadline - now:
                return False
        self._watch(now)
        self._jobs[job.id] = job
        self._reserved += len(ask.lanes)
        pairs = zip(ask.lanes, ask.evaluations, strict=True)
        lanes = [
            _Lane(job, n, cost_of(spec).peak, each, each) for n, (spec, each) in enumerate(pairs)
        ]
        self._scheduler.add(
            MODEL, job.id, lanes, rows=cost_of(ask.lanes[0]).peak, deadline=ask.deadline
        )
        self._interrupt(now)
        return True

    def expire(self, now: float, request: int) -> bool:
        """Give up a request if it is not done; returns whether it was given up."""
        job = self._jobs.pop(request, None)
        if job is None:
            return False
        self._watch(now)
        self._reserved -= len(job.unfinished)
        cancelled = self._scheduler.cancel(request)
        assert cancelled is not None
        for ticket in cancelled[1]:
            self._running.pop(ticket, None)
            self._paused.pop(ticket, None)
        self._interrupt(now)
        return True

    def step(self) -> list[int]:
        """End the present stretch and begin the next one; returns the requests that are done."""
        now = self.due
        self._watch(now)
        done = self._progress()
        self._learn(now)
        if self._stale:
            self._turn()
        self._begin(now)
        return done

    def _interrupt(self, now: float) -> None:
        """Something has changed, which the loop notices once the present tick is over."""
        self._stale = True
        if self.due == inf:
            self._ticks, self._began, self.due = 0, now, now
        if self._ticks == 0:
            return
        ticks = min(self._ticks, ceil((now - self._began) / self._tick_s))
        self._ticks, self.due = ticks, self._began + ticks * self._tick_s

    def _watch(self, now: float) -> None:
        self._load.add(self._seen, now, self._rows, self._tick_s, self.waiting)
        self._seen = now

    def _progress(self) -> list[int]:
        done = []
        for ticket, lane in [*self._running.items()]:
            lane.left -= self._ticks
            if lane.left <= 0:
                self._scheduler.finish(ticket)
                del self._running[ticket]
                self._stale = True
                if self._finish(lane):
                    done.append(lane.job.id)
        return done

    def _learn(self, now: float) -> None:
        """Tell the forecast of the stretch that is over."""
        in_slots = [*self._running.values(), *self._paused.values()]
        stats = TickStats(MODEL, rows=self._ticks * self._rows)
        stats.started_rows = sum(lane.rows * (lane.evaluations - lane.left) for lane in in_slots)
        stats.seconds = self._ticks * self._tick_s
        stats.expected_s = self._ticks * tick_seconds(self._rows, self._costs.expected_s)
        self._forecast.ticked(stats, now)

    def _finish(self, lane: _Lane) -> bool:
        """Cross a lane out; returns whether it was the last of its request."""
        job = lane.job
        spec = job.unfinished.pop(lane.number)
        self._reserved -= 1
        self._forecast.finished(MODEL, _sample(spec, lane.rows * lane.evaluations))
        if job.unfinished:
            return False
        del self._jobs[job.id]
        return True

    def _turn(self) -> None:
        """Let the scheduler decide again, as the loop does."""
        self._stale = False
        free = SLOTS_PER_ROW * self._costs.rows - len(self._running) - len(self._paused)
        turn = self._scheduler.turn(MODEL, self._costs.rows, free)
        for ticket in turn.pause:
            self._paused[ticket] = self._running.pop(ticket)
        for ticket in turn.resume:
            self._running[ticket] = self._paused.pop(ticket)
        self._running.update(turn.start)

    def _begin(self, now: float) -> None:
        """Begin a stretch; with nothing to run, sleep."""
        self._began = now
        self._rows = sum(lane.rows for lane in self._running.values())
        if not self._running:
            self.due = inf
            return
        self._tick_s = self._costs.seconds(self._rows)
        self._ticks = min(lane.left for lane in self._running.values())
        self.due = now + self._ticks * self._tick_s


def _sample(spec: LaneSpec, evaluations: int) -> Sample:
    """What the forecast learns from."""
    return Sample(
        spec=spec,
        data=NOTHING,
        uncertainty=0.0,
        confidence=None,
        t=NOTHING,
        rate=NOTHING,
        map=NOTHING,
        commit=Commit(0.0, 0),
        finish_reason="converged",
        accepted=0,
        rejected=0,
        evaluations=evaluations,
    )
