"""How long a request would take: what its rows cost, and what stands before it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from math import log10

from sureflow.lane import EVALUATIONS, LaneSpec, Sample
from sureflow_server.engine.job import Job
from sureflow_server.engine.messages import TickStats

LEARNING_RATE = 0.1
REMEMBERED = 256
"""Settings of adaptive lanes whose cost is kept."""

FIRST_GUESS_STEPS = 8
"""Steps expected of an adaptive lane as long as none like it has been seen."""


class Forecast:
    """Learns from finished lanes and ticks, and answers in seconds.

    The rows of a fixed grid are known; those of adaptive lanes are a running average over lanes of
    the same model, solver, tolerance (to a fifth of a decade) and guidance. A row's seconds are a
    running average over ticks.

    Attributes:
        tick_rows: Network rows of a tick at most, by name of model.
    """

    def __init__(self) -> None:
        self.tick_rows: dict[str, int] = {}
        self._row_s: dict[str, float] = {}
        self._started_rows: dict[str, int] = {}
        self._costs: OrderedDict[tuple[object, ...], float] = OrderedDict()

    def lane_rows(self, model: str, spec: LaneSpec) -> float:
        """Network rows that a lane will cost."""
        if spec.tolerance is None:
            evaluations = EVALUATIONS[spec.method] * spec.steps + (spec.method == "ab2")
            return evaluations * (1 + spec.guided)
        guess = FIRST_GUESS_STEPS * EVALUATIONS[spec.method] * (1 + spec.guided)
        return self._costs.get(_kind(model, spec), float(guess))

    def finished(self, model: str, sample: Sample) -> None:
        """Learn what a lane did cost."""
        if sample.spec.tolerance is None:
            return
        kind = _kind(model, sample.spec)
        before = self._costs.pop(kind, float(sample.evaluations))
        self._costs[kind] = before + LEARNING_RATE * (sample.evaluations - before)
        if len(self._costs) > REMEMBERED:
            self._costs.popitem(last=False)

    def ticked(self, stats: TickStats) -> None:
        """Learn how long rows take."""
        self._started_rows[stats.model] = stats.started_rows
        if stats.rows:
            row_s = stats.seconds / stats.rows
            before = self._row_s.get(stats.model, row_s)
            self._row_s[stats.model] = before + LEARNING_RATE * (row_s - before)

    def seconds(self, job: Job, jobs: Iterable[Job]) -> float:
        """Seconds until a new request would be done, with these accepted ones under way.

        Follows the rule of the :class:`~sureflow_server.engine.scheduler.Scheduler` roughly, as if
        all belonged to one owner: a request gets its fair share of every tick's rows, or, where
        there are more requests than rows, waits for those with nearer deadlines. 0 as long as no
        tick has been seen.
        """
        model = job.card.name
        row_s, most = self._row_s.get(model, 0.0), self.tick_rows[model]
        rivals = [other for other in jobs if other.terms.priority >= job.terms.priority]
        own = [other for other in rivals if other.card.name == model]
        before = [other for other in own if other.terms.deadline <= job.terms.deadline]
        each = self._each(job)
        share = min(len(job.unfinished), max(most // (each * (len(own) + 1)), 1))
        lanes = sum(len(other.unfinished) * self._each(other) for other in own)
        tick_rows = min(most, lanes + share * each)
        rounds = -(-len(job.unfinished) // share)
        running = rounds * job.lane_rows / each * tick_rows * row_s
        waiting = 0.0
        if len(before) >= most:
            rows = sum(len(other.unfinished) * other.lane_rows for other in before)
            rows = max(rows - self._started_rows.get(model, 0), 0)
            waiting = rows * row_s * (1 - most / (len(before) + 1))
        elsewhere = {other.card.name for other in rivals} - {model}
        turn_rows = sum(self.tick_rows[name] * self._row_s.get(name, 0.0) for name in elsewhere)
        slowed = 1 + turn_rows / max(tick_rows * row_s, 1e-9)
        return (waiting + running) * slowed

    def _each(self, job: Job) -> int:
        return next(iter(job.unfinished.values())).rows


def _kind(model: str, spec: LaneSpec) -> tuple[object, ...]:
    assert spec.tolerance is not None
    return model, spec.method, round(5 * log10(spec.tolerance)), spec.guided
