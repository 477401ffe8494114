"""The tick loop: step-level continuous batching of every model's lanes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

from sureflow.confidence.calibration import Calibration
from sureflow.core.family import cost_of
from sureflow.core.lane import LaneSpec, Sample
from sureflow.sampling.cohort import Cohort
from sureflow_server.engine.bisect_failures import bisect_failures
from sureflow_server.engine.messages import (
    ROW_BOUNDS,
    SECOND_BOUNDS,
    Admission,
    CacheEvent,
    Cancel,
    Command,
    Failed,
    Finished,
    Progress,
    Recalibrate,
    Refused,
    Report,
    Shutdown,
    Started,
    Submit,
    TickStats,
    Unload,
    Viewed,
)
from sureflow_server.engine.model_cache import Loaded, ModelCache
from sureflow_server.engine.pace import Pace
from sureflow_server.engine.row_budget import (
    IDLE_TICK_S,
    TARGET_LATENCY_S,
    row_budget,
    rows_within,
)
from sureflow_server.engine.scheduler import Scheduler

if TYPE_CHECKING:
    from sureflow.sampling.parked import Parked
    from sureflow.sampling.sampler import Sampler

REPORT_EVERY_S = 0.05
BEAT_S = 1.0
"""Longest silence, lest the worker be taken for hung; but for one turn that takes longer."""

FIRST_TURN_S = 0.01
"""What the first turn is taken to last, and the first one after a rest."""

DECIDE_EVERY = 8
"""Turns after which it is decided anew which lanes run, though nothing has come or gone."""


@dataclass(frozen=True, slots=True)
class _Lane:
    request: int
    number: int
    spec: LaneSpec
    watched: bool
    deadline: float
    parked: Parked | None = None
    admitted: float | None = None
    told: int = 0


@dataclass(frozen=True, slots=True)
class _Compared:
    """Lanes of a request that are compared on the way, and those of them that wait for others."""

    submit: Submit
    cohort: Cohort
    parked: dict[int, _Lane]


@dataclass(frozen=True, slots=True)
class _Slot:
    model: str
    lane: _Lane
    admitted: float


class TickLoop:
    """Serves the commands of one inbox with the samplers of one device.

    Each turn takes in what has arrived, decides anew which lanes run if anything has changed,
    reports, and ticks every model that has running lanes. With nothing to run it sleeps in the
    inbox.

    Args:
        samplers: By name of model.
        inbox: Filled by another thread, so that looking into it costs no system call.
        send: Hands a report to the API process.
        tick_s: Seconds that ticks of 0, 1, 2, ... rows should take, up to the most rows that a tick
            may have, by name of model; by default as many as there are slots, and no time at all.
        admission: When lanes may start.
        fetch: Loads a model that is known and not in memory.
        clock: Tells the time on which deadlines are, in seconds.
    """

    def __init__(
        self,
        samplers: Mapping[str, Sampler] | ModelCache,
        inbox: SimpleQueue[Command | Loaded],
        send: Callable[[Report], None],
        tick_s: Mapping[str, Sequence[float]] | None = None,
        admission: Admission = "tick",
        fetch: Callable[[str], Sampler] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._clock = clock
        self._cache = samplers if isinstance(samplers, ModelCache) else ModelCache(samplers)
        self._samplers = self._cache.samplers
        self._fetch = fetch
        self._deferred: dict[str, list[Submit]] = {}
        self._inbox = inbox
        self._send = send
        self._tick_s = dict(tick_s or {m: [0.0] * (s.free + 1) for m, s in self._samplers.items()})
        self._paces = {model: Pace() for model in self._tick_s}
        self._due_s: dict[str, float] = {}
        self._fitting: dict[str, int] = {}
        self._undecided = 0
        self._arrived: dict[str, list[_Lane]] = {}
        self._admission = admission
        self._stale: set[str] = set()
        self._scheduler: Scheduler[_Lane] = Scheduler()
        self._slots: dict[int, _Slot] = {}
        self._compared: dict[int, _Compared] = {}
        self._views: dict[int, int] = {}
        self._stats = {model: TickStats(model) for model in self._tick_s}
        self._next = Report()
        self._calibrations: dict[str, Calibration] = {}
        self._busy_before = False
        self._changed = False
        self._due = 0.0
        self._beat = 0.0

    def run(self) -> None:
        """Run until a :class:`Shutdown` arrives."""
        while self.turn():
            pass

    @property
    def asleep(self) -> bool:
        """Whether there is nothing to do before a command arrives."""
        return not (self._slots or self._changed)

    def turn(self) -> bool:
        """Take one turn; returns whether there is to be another."""
        if not self._take_in():
            return False
        self._exchange()
        self._admit()
        self._report()
        self._tick()
        return True

    def _take_in(self) -> bool:
        asleep = self.asleep
        while asleep or not self._inbox.empty():
            try:
                command = self._inbox.get(timeout=BEAT_S)
            except Empty:
                return True
            if isinstance(command, Shutdown):
                return False
            self._obey(command)
            asleep = False
        return True

    def _obey(self, command: Submit | Cancel | Unload | Recalibrate | Loaded) -> None:
        self._changed = True
        if isinstance(command, Submit):
            self._add(command)
        elif isinstance(command, Cancel):
            self._cancel(command.request)
        elif isinstance(command, Unload):
            self._unload(command.model)
        elif isinstance(command, Recalibrate):
            self._recalibrate(command)
        else:
            self._take(command)

    def _recalibrate(self, command: Recalibrate) -> None:
        """Use another calibration, at once if the model is here, and whenever it comes."""
        self._calibrations[command.model] = Calibration.decode(command.data)
        self._calibrate(command.model)

    def _calibrate(self, model: str) -> None:
        made = self._calibrations.get(model)
        if made is not None:
            self._cache.recalibrate(model, made)

    def _exchange(self) -> None:
        """Evict idle models for one that is asked for, if there is any."""
        closed = self._cache.closing
        gone = self._cache.turn(self._busy, self._fetch, self._inbox)
        self._stale |= closed - self._cache.closing
        for model in gone:
            self._next.cache_events.append(CacheEvent(model, "evicted"))
            self._stale.discard(model)
            if self._scheduler.waiting(model):
                self._cache.want(model)

    def _busy(self, model: str) -> bool:
        """Whether a model must stay: it has lanes, or, unless others wait long, will have some."""
        sampler = self._samplers[model]
        waiting = self._scheduler.waiting(model) > 0 and model not in self._cache.closing
        return sampler.running + sampler.paused > 0 or waiting

    def _take(self, loaded: Loaded) -> None:
        """Go on with the requests that have waited for a model."""
        came = self._cache.came(loaded)
        self._next.cache_events.append(CacheEvent(loaded.model, "loaded" if came else "failed"))
        deferred = self._deferred.pop(loaded.model, [])
        if came:
            self._calibrate(loaded.model)
            for submit in deferred:
                self._add(submit)
            self._stale.add(loaded.model)
            return
        waiting = [submit.request for submit in deferred] + self._scheduler.requests(loaded.model)
        for request in dict.fromkeys(waiting):
            self._next.failed.append(Failed(request, loaded.error, False))
            self._cancel(request)

    def _cancel(self, request: int) -> None:
        self._compared.pop(request, None)
        for model, deferred in self._deferred.items():
            self._deferred[model] = [each for each in deferred if each.request != request]
        if cancelled := self._scheduler.cancel(request):
            model, tickets = cancelled
            if model in self._samplers:
                self._samplers[model].cancel(tickets)
            self._stale.add(model)
            for ticket in tickets:
                del self._slots[ticket]

    def _unload(self, model: str) -> None:
        self._calibrations.pop(model, None)
        self._cache.forget(model)
        for of_models in (self._tick_s, self._paces, self._due_s, self._stats):
            of_models.pop(model, None)
        for others in (self._arrived, self._fitting, self._deferred):
            others.pop(model, None)
        self._stale.discard(model)

    def _add(self, submit: Submit) -> None:
        if submit.model not in self._samplers:
            self._deferred.setdefault(submit.model, []).append(submit)
            self._cache.want(submit.model)
            return
        self._cache.use(submit.model)
        try:
            self._check(submit)
        except ValueError as error:
            self._next.refused.append(Refused(submit.request, str(error)))
            return
        if submit.halving is not None:
            cohort = Cohort(submit.halving, submit.lanes)
            self._compared[submit.request] = _Compared(submit, cohort, {})
        lanes = [
            _Lane(submit.request, number, spec, submit.progress, submit.terms.deadline)
            for number, spec in submit.lanes.items()
        ]
        self._queue(submit, lanes)
        self._arrived.setdefault(submit.model, []).append(lanes[0])

    def _queue(self, submit: Submit, lanes: list[_Lane]) -> None:
        """Let lanes of a request wait for slots."""
        terms = submit.terms
        self._scheduler.add(
            submit.model,
            submit.request,
            lanes,
            rows=max(self._rows(submit.model, lane, cost_of(lane.spec).peak) for lane in lanes),
            owner=terms.owner,
            priority=terms.priority,
            deadline=terms.deadline,
            alone=self._clock() + self._alone_s(submit.model, lanes),
        )
        self._stale.add(submit.model)

    def _check(self, submit: Submit) -> None:
        """Check what the API process cannot, which has no model.

        Lanes of a request differ in where they come from alone, apart from their number.

        Raises:
            ValueError: The model cannot make such a lane.
        """
        for number, spec in enumerate(submit.lanes.values()):
            if spec.origin is not None or not number:
                self._samplers[submit.model].model.check(spec)

    def _alone_s(self, model: str, lanes: list[_Lane]) -> float:
        """Seconds that these lanes would take if they had every tick for themselves."""
        tick_s, cost = self._present_s(model), cost_of(lanes[0].spec)
        wanted = len(lanes) * self._rows(model, lanes[0], cost.rows)
        rows = min(wanted, len(tick_s) - 1)
        return cost.evaluations * max(wanted / rows, 1) * tick_s[rows]

    def _present_s(self, model: str) -> list[float]:
        """Seconds from one tick of the model to the next at present, by its rows."""
        now = self._clock()
        others_s = self._turn_s(now, self._due_s.keys() - {model})
        slowness = self._paces[model].slowness(now)
        return [others_s + slowness * seconds for seconds in self._tick_s[model]]

    def _turn_s(self, now: float, models: Iterable[str]) -> float:
        """Seconds that ticks of these models take now, with the rows that they had last."""
        return sum(self._due_s[model] * self._paces[model].slowness(now) for model in models)

    def _rows(self, model: str, lane: _Lane, rows: int) -> int:
        """Rows of a lane in rows of the model's default shape, in which budgets are counted."""
        return ceil(rows * self._samplers[model].weight(lane.spec))

    def _admit(self) -> None:
        """Let the scheduler decide again where something has come or gone, and now and then."""
        self._undecided += 1
        if self._undecided >= DECIDE_EVERY:
            self._undecided = 0
            self._stale.update(slot.model for slot in self._slots.values())
        if self._scheduler.busy != self._busy_before:  # what is idle begins or ends everywhere
            self._busy_before = self._scheduler.busy
            self._stale.update(self._samplers)
        for model in self._stale & self._samplers.keys():
            sampler = self._samplers[model]
            if self._admission == "request" and sampler.running:
                continue
            self._stale.discard(model)
            left = sampler.ticks_left()
            turn = self._scheduler.turn(
                model,
                self._row_budget(model, left),
                sampler.free,
                left,
                closing=model in self._cache.closing,
            )
            sampler.cancel(turn.evict)
            for ticket in turn.evict:
                del self._slots[ticket]
            sampler.pause(turn.pause)
            sampler.resume(turn.resume)
            for ticket, lane in turn.start:
                compared = self._compared.get(lane.request)
                rungs = () if compared is None else compared.cohort.halving.rungs
                sampler.admit(ticket, lane.spec, lane.deadline, rungs, lane.parked)
                begun = self._clock() if lane.admitted is None else lane.admitted
                self._slots[ticket] = _Slot(model, lane, begun)
                if lane.watched and lane.spec.watch:
                    self._views[ticket] = lane.told
                self._next.started.append(Started(lane.request))

    def _row_budget(self, model: str, left: Mapping[int, float]) -> int:
        """Rows that the next ticks may have."""
        now = self._clock()
        pressing = [
            (lane.deadline - now, float(cost_of(lane.spec).evaluations))
            for lane in self._arrived.pop(model, ())
        ]
        for deadline, tickets, following in self._scheduler.under_way(model):
            ticks = max(left[ticket] for ticket in tickets)
            if following is not None:
                ticks = max(ticks, cost_of(following.spec).evaluations)
            pressing.append((deadline - now, ticks))
        tick_s, best = self._tick_s[model], self._paces[model].best
        if self._scheduler.busy:
            least = rows_within(TARGET_LATENCY_S, tick_s, best)
            rows = row_budget(pressing, self._present_s(model), least)
        else:
            rows = rows_within(IDLE_TICK_S, tick_s, best)
        return min(rows, self._fitting_rows(model, rows))

    def _fitting_rows(self, model: str, wanted: int) -> int:
        """Rows that fit into memory, as far as is known: half of those that did not fit.

        One more is tried at every decision, since another process may have taken the memory.
        """
        if model not in self._fitting:
            return wanted
        fitting = self._fitting[model]
        if fitting >= wanted:
            del self._fitting[model]
        else:
            self._fitting[model] += 1
        return fitting

    def _tick(self) -> None:
        now = self._clock()
        running = [model for model, sampler in self._samplers.items() if sampler.running]
        turn_s = self._turn_s(now, self._due_s.keys() & running) or FIRST_TURN_S
        self._due_s = {}
        for model in running:
            now = self._tick_model(model, now, turn_s)

    def _tick_model(self, model: str, begun: float, turn_s: float) -> float:
        """Tick the running lanes of a model, which began then; return when it is over."""
        sampler = self._samplers[model]
        sampler.set_clock(begun, turn_s)
        tick = bisect_failures(sampler, self._request_of)
        ended = self._clock()
        if tick.fitting is not None:
            self._fitting[model] = tick.fitting
        self._due_s[model] = tick.seconds
        self._paces[model].saw(ended, ended - begun, self._due_s[model])
        self._count(self._stats[model], tick.rows, ended - begun, self._due_s[model])
        if tick.finished or tick.failed or tick.parked or tick.fitting is not None:
            self._stale.add(model)
        for ticket, sample in tick.finished:
            self._finish(ticket, sample, ended)
        for ticket, parked in tick.parked:
            self._park(ticket, parked, ended)
        for request, error in tick.failed.items():
            self._next.failed.append(Failed(request, str(error), error.memory))
            self._cancel(request)
        return ended

    def _request_of(self, ticket: int) -> int:
        return self._slots[ticket].lane.request

    def _finish(self, ticket: int, sample: Sample, ended: float) -> None:
        self._scheduler.finish(ticket)
        slot = self._slots.pop(ticket)
        self._cache.use(slot.model)
        request, number = slot.lane.request, slot.lane.number
        self._next.finished.append(Finished(request, number, sample, slot.admitted, ended))
        if compared := self._compared.get(request):
            compared.cohort.end(number)
            self._settle(compared, ended)

    def _park(self, ticket: int, parked: Parked, now: float) -> None:
        """Let a lane wait at a rung, without a slot, for the others of its request."""
        self._scheduler.finish(ticket)
        slot, told = self._slots.pop(ticket), self._views.pop(ticket, 0)
        compared, number = self._compared[slot.lane.request], slot.lane.number
        compared.parked[number] = replace(
            slot.lane, parked=parked, admitted=slot.admitted, told=told
        )
        compared.cohort.arrive(number, parked)
        self._settle(compared, now)

    def _settle(self, compared: _Compared, now: float) -> None:
        """Drop the least sure of a request that has reached a rung, all in one report."""
        request = compared.submit.request
        if settled := compared.cohort.settle():
            for number, sample in settled.dropped.items():
                lane = compared.parked.pop(number)
                admitted = now if lane.admitted is None else lane.admitted
                self._next.finished.append(Finished(request, number, sample, admitted, now))
            self._queue(compared.submit, [compared.parked.pop(each) for each in settled.survivors])
        if compared.cohort.ended:
            del self._compared[request]

    def _count(self, stats: TickStats, rows: int, seconds: float, expected_s: float) -> None:
        stats.rows += rows
        stats.seconds += seconds
        stats.expected_s += expected_s
        stats.row_counts[bisect_left(ROW_BOUNDS, rows)] += 1
        stats.second_counts[bisect_left(SECOND_BOUNDS, seconds)] += 1
        self._changed = True

    def _report(self) -> None:
        """Send finished lanes at once, and statistics now and then or before falling asleep."""
        self._look()
        now, report = self._clock(), self._next
        due = now >= self._due or not self._slots
        news = (
            report.started
            or report.viewed
            or report.finished
            or report.refused
            or report.failed
            or report.cache_events
        )
        if not (news or (due and self._changed) or now >= self._beat):
            return
        self._beat = now + BEAT_S
        self._next = Report()
        report.started = list(dict.fromkeys(report.started))
        if due:
            report.progress, report.stats = self._progress(), self._statistics()
            self._due = now + REPORT_EVERY_S
            self._changed = False
        self._send(report)

    def _look(self) -> None:
        """Report the views of watched lanes, each once."""
        self._views = {ticket: n for ticket, n in self._views.items() if ticket in self._slots}
        for ticket, told in self._views.items():
            slot = self._slots[ticket]
            views = self._samplers[slot.model].views(ticket)
            lane = slot.lane
            news = [Viewed(lane.request, lane.number, view) for view in views[told:]]
            self._next.viewed += news
            self._views[ticket] += len(news)

    def _progress(self) -> list[Progress]:
        watched = {ticket: slot for ticket, slot in self._slots.items() if slot.lane.watched}
        models = {slot.model for slot in watched.values()}
        reached = {model: self._samplers[model].progress() for model in models}
        return [
            Progress(slot.lane.request, slot.lane.number, *reached[slot.model][ticket])
            for ticket, slot in watched.items()
        ]

    def _statistics(self) -> list[TickStats]:
        for model, stats in self._stats.items():
            stats.waiting = self._scheduler.waiting(model)
            stats.waiting += sum(len(each.lanes) for each in self._deferred.get(model, ()))
            compared = (each for each in self._compared.values() if each.submit.model == model)
            stats.waiting += sum(each.cohort.parked for each in compared)
            if sampler := self._samplers.get(model):
                stats.running, stats.started_rows = sampler.running, sampler.rows_spent
                stats.waiting += sampler.paused
        sent = list(self._stats.values())
        self._stats = {model: TickStats(model) for model in self._tick_s}
        return sent
