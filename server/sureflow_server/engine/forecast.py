"""How long a request would take: what its rows cost, and what stands before it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from math import ceil

from sureflow.core.family import cost_of, weight_of
from sureflow.core.lane import LaneSpec, Sample
from sureflow_server.engine.job import Job
from sureflow_server.engine.messages import TickStats

LEARNING_RATE = 0.1
REMEMBERED = 256
"""Settings of adaptive lanes whose cost is kept."""


class Forecast:
    """Learns from finished lanes and ticks, and answers in seconds.

    The rows of a fixed grid are known; those of adaptive lanes are a running average over lanes of
    the same model, solver, tolerance (to a fifth of a decade) and rows per evaluation. How much
    slower ticks are than they should be is a running average over ticks.

    Attributes:
        tick_s: Seconds that ticks of 0, 1, 2, ... rows should take, by name of model, up to the
            most rows that a tick has while there is any hurry.
    """

    def __init__(self) -> None:
        self.tick_s: dict[str, tuple[float, ...]] = {}
        self._slowness: dict[str, float] = {}
        self._started_rows: dict[str, int] = {}
        self._costs: OrderedDict[tuple[object, ...], float] = OrderedDict()

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
        unlike = sample.spec.origin or sample.finish_reason in ("abandoned", "halted")
        if kind[1] is None or unlike:
            return
        before = self._costs.pop(kind, float(sample.evaluations))
        self._costs[kind] = before + LEARNING_RATE * (sample.evaluations - before)
        if len(self._costs) > REMEMBERED:
            self._costs.popitem(last=False)

    def ticked(self, stats: TickStats) -> None:
        """Learn how long ticks take in comparison with what they should."""
        model = stats.model
        self._started_rows[model] = stats.started_rows
        if stats.rows:
            slowness = stats.seconds / stats.expected_s
            before = self._slowness.get(model, slowness)
            self._slowness[model] = before + LEARNING_RATE * (slowness - before)

    def seconds(self, job: Job, jobs: Iterable[Job]) -> float:
        """Seconds until a new request would be done, with these accepted ones under way.

        Follows the rule of the :class:`~sureflow_server.engine.scheduler.Scheduler` roughly, as if
        all belonged to one owner: a request gets its fair share of every tick's rows, or, where
        there are more requests than rows, waits for those with nearer deadlines. 0 as long as no
        tick has been seen.
        """
        model = job.card.name
        most = len(self.tick_s[model]) - 1
        rivals = [other for other in jobs if other.terms.priority >= job.terms.priority]
        own = [other for other in rivals if other.card.name == model]
        before = [other for other in own if other.terms.deadline <= job.terms.deadline]
        each = _rows_of(job)
        share = min(len(job.unfinished), max(most // (each * (len(own) + 1)), 1))
        lanes = sum(len(other.unfinished) * _rows_of(other) for other in own)
        tick_s = self._tick_s(model, lanes + share * each)
        rounds = -(-len(job.unfinished) // share)
        running = rounds * job.lane_rows / each * tick_s
        waiting = 0.0
        if len(before) >= most:
            rows = sum(len(other.unfinished) * other.lane_rows for other in before)
            rows = max(rows - self._started_rows.get(model, 0), 0)
            full_s = self._tick_s(model, most)
            waiting = rows * full_s / most * (1 - most / (len(before) + 1))
        others = {other.card.name for other in rivals} - {model}
        turn_s = tick_s + sum(self._tick_s(name, len(self.tick_s[name])) for name in others)
        return (waiting + running) * (turn_s / tick_s if tick_s else 1)

    def _tick_s(self, model: str, rows: int) -> float:
        """Seconds that a tick takes at present; no tick has more rows than its most."""
        expected = self.tick_s[model]
        return expected[min(rows, len(expected) - 1)] * self._slowness.get(model, 0.0)


def _rows_of(job: Job) -> int:
    """Most rows of a lane in one tick, in rows of the model's default shape."""
    lane = next(iter(job.unfinished.values()))
    return ceil(cost_of(lane).peak * weight_of(lane, job.card))
