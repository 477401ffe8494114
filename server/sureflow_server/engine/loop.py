"""The tick loop: step-level continuous batching of every model's lanes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

from sureflow.confidence.calibration import Calibration
from sureflow.core.family import cost_of
from sureflow.core.lane import Sample
from sureflow_server.engine.bisect_failures import bisect_failures
from sureflow_server.engine.compared_requests import ComparedRequests, Settled
from sureflow_server.engine.messages import (
    Admission,
    CacheEvent,
    Cancel,
    Command,
    Failed,
    Finished,
    Recalibrate,
    Refused,
    Report,
    Shutdown,
    Started,
    Submit,
    Unload,
)
from sureflow_server.engine.model_cache import Loaded, ModelCache
from sureflow_server.engine.news import BEAT_S, News
from sureflow_server.engine.request_lane import RequestLane, Slot
from sureflow_server.engine.scheduler import Scheduler
from sureflow_server.engine.tempo import Tempo

if TYPE_CHECKING:
    from sureflow.sampling.parked import Parked
    from sureflow.sampling.sampler import Sampler

DECIDE_EVERY = 8
"""Turns after which it is decided anew which lanes run, though nothing has come or gone."""


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
        rest: Called when there has been nothing to do for a while.
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
        rest: Callable[[], object] = lambda: None,
    ) -> None:
        self._clock = clock
        self._rest, self._rested = rest, True
        self._cache = samplers if isinstance(samplers, ModelCache) else ModelCache(samplers)
        self._samplers = self._cache.samplers
        self._fetch = fetch
        self._deferred: dict[str, list[Submit]] = {}
        self._inbox = inbox
        free = {model: [0.0] * (sampler.free + 1) for model, sampler in self._samplers.items()}
        self._tempo = Tempo(tick_s or free)
        self._news = News(self._tempo.models, self._samplers, send)
        self._undecided = 0
        self._arrived: dict[str, list[RequestLane]] = {}
        self._admission = admission
        self._stale: set[str] = set()
        self._scheduler: Scheduler[RequestLane] = Scheduler()
        self._slots: dict[int, Slot] = {}
        self._compared = ComparedRequests()
        self._calibrations: dict[str, Calibration] = {}
        self._busy_before = False

    def run(self) -> None:
        """Run until a :class:`Shutdown` arrives."""
        while self.turn():
            pass

    @property
    def asleep(self) -> bool:
        """Whether there is nothing to do before a command arrives."""
        return not (self._slots or self._news.changed)

    def turn(self) -> bool:
        """Take one turn; returns whether there is to be another."""
        if not self._take_in():
            return False
        self._exchange()
        self._admit()
        self._news.report(self._clock(), self._slots, self._waiting)
        self._tick()
        return True

    def _take_in(self) -> bool:
        asleep = self.asleep
        while asleep or not self._inbox.empty():
            try:
                command = self._inbox.get(timeout=BEAT_S)
            except Empty:
                if not self._rested:
                    self._rested = True
                    self._rest()
                return True
            if isinstance(command, Shutdown):
                return False
            self._obey(command)
            asleep = self._rested = False
        return True

    def _obey(self, command: Submit | Cancel | Unload | Recalibrate | Loaded) -> None:
        self._news.changed = True
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
            self._news.next.cache_events.append(CacheEvent(model, "evicted"))
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
        self._news.next.cache_events.append(
            CacheEvent(loaded.model, "loaded" if came else "failed")
        )
        deferred = self._deferred.pop(loaded.model, [])
        if came:
            self._calibrate(loaded.model)
            for submit in deferred:
                self._add(submit)
            self._stale.add(loaded.model)
            return
        waiting = [submit.request for submit in deferred] + self._scheduler.requests(loaded.model)
        for request in dict.fromkeys(waiting):
            self._news.next.failed.append(Failed(request, loaded.error, False))
            self._cancel(request)

    def _cancel(self, request: int) -> None:
        self._compared.cancel(request)
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
        self._tempo.forget(model)
        self._news.forget(model)
        self._arrived.pop(model, None)
        self._deferred.pop(model, None)
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
            self._news.next.refused.append(Refused(submit.request, str(error)))
            return
        self._compared.add(submit)
        lanes = [
            RequestLane(submit.request, number, spec, submit.progress, submit.terms.deadline)
            for number, spec in submit.lanes.items()
        ]
        self._queue(submit, lanes)
        self._arrived.setdefault(submit.model, []).append(lanes[0])

    def _queue(self, submit: Submit, lanes: list[RequestLane]) -> None:
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
            alone=self._ends_alone(submit.model, lanes),
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

    def _ends_alone(self, model: str, lanes: list[RequestLane]) -> float:
        """When these lanes would be done if they had every tick for themselves."""
        now, cost = self._clock(), cost_of(lanes[0].spec)
        rows = len(lanes) * self._rows(model, lanes[0], cost.rows)
        return now + self._tempo.alone_s(model, rows, cost.evaluations, now)

    def _rows(self, model: str, lane: RequestLane, rows: int) -> int:
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
                rungs = self._compared.rungs(lane.request)
                sampler.admit(ticket, lane.spec, lane.deadline, rungs, lane.parked)
                begun = self._clock() if lane.admitted is None else lane.admitted
                self._slots[ticket] = Slot(model, lane, begun)
                if lane.watched and lane.spec.watch:
                    self._news.watch(ticket, lane.told)
                self._news.next.started.append(Started(lane.request))

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
        return self._tempo.rows(model, pressing, now, busy=self._scheduler.busy)

    def _tick(self) -> None:
        now = self._clock()
        running = [model for model, sampler in self._samplers.items() if sampler.running]
        turn_s = self._tempo.turn_s(now, running)
        for model in running:
            now = self._tick_model(model, now, turn_s)

    def _tick_model(self, model: str, begun: float, turn_s: float) -> float:
        """Tick the running lanes of a model, which began then; return when it is over."""
        sampler = self._samplers[model]
        sampler.set_clock(begun, turn_s)
        tick = bisect_failures(sampler, self._request_of)
        ended = self._clock()
        if tick.fitting is not None:
            self._tempo.fits(model, tick.fitting)
        self._tempo.saw(model, ended, ended - begun, tick.seconds)
        self._news.ticked(model, tick.rows, ended - begun, tick.seconds)
        if tick.finished or tick.failed or tick.parked or tick.fitting is not None:
            self._stale.add(model)
        for ticket, sample in tick.finished:
            self._finish(ticket, sample, ended)
        for ticket, parked in tick.parked:
            self._park(ticket, parked, ended)
        for request, error in tick.failed.items():
            self._news.next.failed.append(Failed(request, str(error), error.memory))
            self._cancel(request)
        return ended

    def _request_of(self, ticket: int) -> int:
        return self._slots[ticket].lane.request

    def _finish(self, ticket: int, sample: Sample, ended: float) -> None:
        self._scheduler.finish(ticket)
        slot = self._slots.pop(ticket)
        self._cache.use(slot.model)
        request, number = slot.lane.request, slot.lane.number
        self._news.next.finished.append(Finished(request, number, sample, slot.admitted, ended))
        self._settle(self._compared.end(request, number), ended)

    def _park(self, ticket: int, parked: Parked, now: float) -> None:
        """Let a lane wait at a rung, without a slot, for the others of its request."""
        self._scheduler.finish(ticket)
        slot, told = self._slots.pop(ticket), self._news.told(ticket)
        lane = replace(slot.lane, parked=parked, admitted=slot.admitted, told=told)
        self._settle(self._compared.park(lane), now)

    def _settle(self, settled: Settled | None, now: float) -> None:
        """Drop the least sure of a request that has reached a rung, all in one report."""
        if settled is None:
            return
        for lane, sample in settled.dropped:
            admitted = now if lane.admitted is None else lane.admitted
            ended = Finished(lane.request, lane.number, sample, admitted, now)
            self._news.next.finished.append(ended)
        self._queue(settled.submit, settled.survivors)

    def _waiting(self, model: str) -> int:
        """Number of lanes of a model that have no slot."""
        deferred = sum(len(each.lanes) for each in self._deferred.get(model, ()))
        return self._scheduler.waiting(model) + deferred + self._compared.parked(model)
