"""What the tick loop tells the API process, and when."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from sureflow_server.engine.messages import (
    ROW_BOUNDS,
    SECOND_BOUNDS,
    Progress,
    Report,
    TickStats,
    Viewed,
)
from sureflow_server.engine.request_lane import Slot

if TYPE_CHECKING:
    from sureflow.sampling.sampler import Sampler

REPORT_EVERY_S = 0.05
"""Seconds between progress and statistics."""

BEAT_S = 1.0
"""Longest silence, lest the worker be taken for hung; but for one turn that takes longer."""


class News:
    """Collects what is new, and sends it: news at once, progress and statistics now and then.

    Args:
        models: Names of the models of which statistics are kept.
        samplers: Those in memory, by name.
        send: Hands a report to the API process.

    Attributes:
        next: The report to come.
        changed: Whether statistics have changed since they were sent.
    """

    def __init__(
        self,
        models: Iterable[str],
        samplers: Mapping[str, Sampler],
        send: Callable[[Report], None],
    ) -> None:
        self.next = Report()
        self.changed = False
        self._samplers, self._send = samplers, send
        self._stats = {model: TickStats(model) for model in models}
        self._views: dict[int, int] = {}
        self._due = self._beat = 0.0

    def forget(self, model: str) -> None:
        """Keep no statistics of a model any more."""
        self._stats.pop(model, None)

    def ticked(self, model: str, rows: int, seconds: float, expected_s: float) -> None:
        """Count a tick."""
        stats = self._stats[model]
        stats.rows += rows
        stats.seconds += seconds
        stats.expected_s += expected_s
        stats.row_counts[bisect_left(ROW_BOUNDS, rows)] += 1
        stats.second_counts[bisect_left(SECOND_BOUNDS, seconds)] += 1
        self.changed = True

    def watch(self, ticket: int, told: int) -> None:
        """Report the views of a lane from this one on."""
        self._views[ticket] = told

    def told(self, ticket: int) -> int:
        """Stop to report the views of a lane, and return how many have been."""
        return self._views.pop(ticket, 0)

    def report(self, now: float, slots: Mapping[int, Slot], waiting: Callable[[str], int]) -> None:
        """Send what is new, if it is time.

        Args:
            now: Reading of the clock.
            slots: The lanes in slots, by ticket. Without any the loop may fall asleep.
            waiting: Tells the number of lanes of a model that have no slot.
        """
        self._look(slots)
        report = self.next
        due = now >= self._due or not slots
        news = (
            report.started
            or report.viewed
            or report.finished
            or report.refused
            or report.failed
            or report.cache_events
        )
        if not (news or (due and self.changed) or now >= self._beat):
            return
        self._beat = now + BEAT_S
        self.next = Report()
        report.started = list(dict.fromkeys(report.started))
        if due:
            report.progress, report.stats = self._progress(slots), self._statistics(waiting)
            self._due = now + REPORT_EVERY_S
            self.changed = False
        self._send(report)

    def _look(self, slots: Mapping[int, Slot]) -> None:
        """Report the views of watched lanes, each once."""
        self._views = {ticket: n for ticket, n in self._views.items() if ticket in slots}
        for ticket, told in self._views.items():
            slot = slots[ticket]
            views = self._samplers[slot.model].views(ticket)
            lane = slot.lane
            fresh = [Viewed(lane.request, lane.number, view) for view in views[told:]]
            self.next.viewed += fresh
            self._views[ticket] += len(fresh)

    def _progress(self, slots: Mapping[int, Slot]) -> list[Progress]:
        watched = {ticket: slot for ticket, slot in slots.items() if slot.lane.watched}
        models = {slot.model for slot in watched.values()}
        reached = {model: self._samplers[model].progress() for model in models}
        return [
            Progress(slot.lane.request, slot.lane.number, *reached[slot.model][ticket])
            for ticket, slot in watched.items()
        ]

    def _statistics(self, waiting: Callable[[str], int]) -> list[TickStats]:
        for model, stats in self._stats.items():
            stats.waiting = waiting(model)
            if sampler := self._samplers.get(model):
                stats.running, stats.started_rows = sampler.running, sampler.rows_spent
                stats.waiting += sampler.paused
        sent = list(self._stats.values())
        self._stats = {model: TickStats(model) for model in self._stats}
        return sent
