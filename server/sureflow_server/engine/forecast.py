"""How long a request would take: what its rows cost, and what stands before it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import replace
from heapq import heapreplace

from sureflow.core.family import cost_of
from sureflow.core.lane import LaneSpec, Sample
from sureflow_server.engine.job import Job
from sureflow_server.engine.messages import TickStats
from sureflow_server.engine.pace import Pace
from sureflow_server.engine.row_budget import TARGET_LATENCY_S, rows_within

LEARNING_RATE = 0.1
REMEMBERED = 256
"""Settings of adaptive lanes whose cost is kept."""


class Forecast:
    """Learns from finished lanes and ticks, and answers in seconds.

    The rows of a fixed grid are known; those of adaptive lanes are a running average over lanes of
    the same model, solver, tolerance (to a fifth of a decade) and rows per evaluation. What a tick
    should take is known by its rows, and how much slower the machine is at present by its
    :class:`~sureflow_server.engine.pace.Pace`.
    """

    def __init__(self) -> None:
        self._tick_s: dict[str, tuple[float, ...]] = {}
        self._paces: dict[str, Pace] = {}
        self._started_rows: dict[str, int] = {}
        self._costs: OrderedDict[tuple[object, ...], float] = OrderedDict()

    def expect(self, tick_s: Mapping[str, tuple[float, ...]]) -> None:
        """Forecast for a new worker.

        Args:
            tick_s: Seconds that ticks of 0, 1, 2, ... rows should take, by name of model.
        """
        self._tick_s = dict(tick_s)
        self._paces = {model: Pace() for model in tick_s}

    def rows(self, model: str) -> int:
        """Most rows that ticks have while there is any hurry."""
        return rows_within(TARGET_LATENCY_S, self._tick_s[model], self._paces[model].best)

    def lane_rows(self, model: str, spec: LaneSpec) -> float:
        """Network rows that a lane will cost."""
        cost = cost_of(spec)
        rows = cost.evaluations * cost.rows
        if cost.kind is None:
            return rows + cost.extra
        whole = cost_of(replace(spec, origin=None)).evaluations * cost.rows
        return self._costs.get((model, cost.kind), float(whole)) * rows / whole

    def finished(self, model: str, sample: Sample) -> None:
        """Learn what a whole lane did cost."""
        kind = model, cost_of(sample.spec).kind
        unlike = sample.spec.origin or sample.finish_reason in ("abandoned", "deadline", "halted")
        if kind[1] is None or unlike:
            return
        before = self._costs.pop(kind, float(sample.evaluations))
        self._costs[kind] = before + LEARNING_RATE * (sample.evaluations - before)
        if len(self._costs) > REMEMBERED:
            self._costs.popitem(last=False)

    def ticked(self, stats: TickStats, now: float) -> None:
        """Learn how long ticks that are just over took, in comparison with what they should."""
        self._started_rows[stats.model] = stats.started_rows
        if pace := self._paces.get(stats.model):
            pace.saw(now, stats.seconds, stats.expected_s)

    def seconds(self, job: Job, jobs: Collection[Job], now: float) -> float:
        """Seconds until a new request would be done, with these accepted ones under way.

        Follows the rule of the :class:`~sureflow_server.engine.scheduler.Scheduler` roughly, as if
        all belonged to one owner: a request gets its fair share of every tick's rows, or, where
        there are more requests than rows, waits for those with nearer deadlines. 0 as long as no
        tick has been seen.

        Where nothing is under way, nothing tells how fast the machine is now, and there is nobody
        to whom a request could do harm. So it is given the best pace that there ever was, and shows
        by its ticks what the next ones have to expect.
        """

        def tick_s(name: str, rows: int) -> float:
            pace = self._paces[name]
            slowness = pace.slowness(now) if jobs else pace.best
            return slowness * self._tick_s[name][min(rows, self.rows(name))]

        model = job.card.name
        most, each = self.rows(model), job.peak_rows
        rivals = [other for other in jobs if other.terms.priority >= job.terms.priority]
        own = [other for other in rivals if other.card.name == model]
        before = [other for other in own if other.terms.deadline <= job.terms.deadline]
        share = min(len(job.unfinished), max(most // (each * (len(own) + 1)), 1))
        lanes = sum(len(other.unfinished) * other.peak_rows for other in own)
        mine_s = tick_s(model, lanes + share * each)
        rounds = -(-len(job.unfinished) // share)
        seconds = rounds * job.lane_rows / each * mine_s
        if len(before) >= most:
            seconds += self._ticks_before(model, before, most) * tick_s(model, most)
        others = {other.card.name for other in rivals} - {model}
        turn_s = mine_s + sum(tick_s(name, self.rows(name)) for name in others)
        return seconds * (turn_s / mine_s if mine_s else 1)

    def _ticks_before(self, model: str, before: Collection[Job], most: int) -> float:
        """Ticks until one of ``most`` rows is free for another request.

        Each of these requests holds one, from when one is free until it is done.
        """
        rows = [len(other.unfinished) * other.lane_rows for other in _by_deadline(before)]
        begun = self._started_rows.get(model, 0) / max(sum(rows), 1)
        free = [0.0] * most
        for each in rows:
            heapreplace(free, free[0] + each * max(1 - begun, 0))
        return free[0]


def _by_deadline(jobs: Collection[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: job.terms.deadline)
