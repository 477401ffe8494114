"""One worker after another: started, watched, replaced, and given the requests of its models."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sureflow.core.card import ModelCard
from sureflow.core.lane import LaneSpec
from sureflow_server.engine.errors import (
    DrainingError,
    EngineError,
    ImpossibleError,
    OutOfMemoryError,
    RequestFailedError,
    StartupError,
)
from sureflow_server.engine.forecast import Forecast
from sureflow_server.engine.job import Job
from sureflow_server.engine.ledger import Ledger
from sureflow_server.engine.messages import (
    CacheEvent,
    Cancel,
    Finished,
    Ready,
    Recalibrate,
    Report,
    Resting,
    TickStats,
    Unload,
    WorkerConfig,
)
from sureflow_server.engine.timeouts import Timeouts
from sureflow_server.engine.workers import Workers
from sureflow_server.metrics import Metrics

log = logging.getLogger(__name__)

BACK_OFF_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
EXIT_S = 5.0
STEADY_S = 1.0
"""Seconds for which a worker has to serve, lest the next one wait longer than it did."""

SUSPECT_DEATHS = 3
"""Deaths in a row that soon, after which what stands by is under suspicion, too."""


class Supervisor:
    """Keeps a worker alive until it is retired, and hands it what it has accepted.

    A worker that dies, or is not heard of for too long and is killed therefore, is replaced, after
    a pause if none has finished a sample since the last. All methods belong to one event loop.

    Attributes:
        serving: Whether a worker stands by, warmed up.
        ledger: Requests under way.
        forecast: What requests cost, and how long they take.
        lane_s: Seconds that the last finished lane was in its slot.
        cards: Models that the worker has, by name; empty before it has come up.
        failures: Why it has not others, by name of their folder.
        nbytes: What each takes in memory, by name.
        resident: Names of the models in memory, the least recently used first.
        standing: Lanes that run and that wait, by name of model.
        gone: Set once it is retired and its last worker has ended.
    """

    def __init__(
        self,
        config: WorkerConfig,
        timeouts: Timeouts,
        heard: Callable[[Supervisor, Ready | TickStats | CacheEvent], None],
        metrics: Metrics,
    ) -> None:
        self._config = config
        self._heard = heard
        self._metrics = metrics
        self._workers = Workers(timeouts, self._received, self._exited, self._leave_off)
        self._retired = False
        self._restarts = 0
        self._serving_since = 0.0
        self._startup_done = asyncio.Event()
        self._startup_error: StartupError | None = None
        self._unloading: set[str] = set()
        self._tick_s: dict[str, tuple[float, ...]] = {}
        self.serving = False
        self.ledger = Ledger()
        self.forecast = Forecast()
        self.lane_s = 0.0
        self.cards: dict[str, ModelCard] = {}
        self.failures: dict[str, str] = {}
        self.nbytes: dict[str, int] = {}
        self.resident: tuple[str, ...] = ()
        self.standing: dict[str, tuple[int, int]] = {}
        self.gone = asyncio.Event()

    @property
    def faulty(self) -> dict[str, str]:
        """Names of folders in whose loading a process ended, and what happened."""
        return {**self._config.faulty, **self._workers.faulty}

    def start(self) -> None:
        """Start a worker; returns before it is ready."""
        if self._retired and not self.ledger.jobs:
            self._workers.close()
            return
        needed = {job.card.name for job in self.ledger.jobs}
        without = self._config.without - needed
        config = replace(self._config, without=without, **self._budgeted(needed))
        self._unloading |= self._config.without - without
        self._workers.start(config)

    async def wait_ready(self) -> None:
        """Wait for the first worker.

        Raises:
            StartupError: It died before it was ready, took too long, or was stopped.
        """
        await self._startup_done.wait()
        if self._startup_error is not None:
            raise self._startup_error

    def accept(self, job: Job) -> None:
        """Enter a request, and hand it to the worker as soon as there is one."""
        self.ledger.open(job)
        self._feed()

    def end(self, job: Job, error: EngineError | None = None) -> None:
        """End a request before its time, such as when its caller leaves.

        One that has ended already is left alone.
        """
        if self.ledger.was_given(job):
            self._workers.send(Cancel(job.id))
        if job in self.ledger:
            self._end(job, error)

    def unload(self, model: str) -> None:
        """Unload a model once no request needs it; later workers start without it."""
        self._config = replace(self._config, without=self._config.without | {model})
        self.cards.pop(model, None)
        self.resident = tuple(name for name in self.resident if name != model)
        self._unloading.add(model)
        self._unload_idle()

    def recalibrate(self, card: ModelCard, data: bytes, keep: bool) -> WorkerConfig:
        """Have the worker use another calibration.

        Where it is in no file, ``keep`` has later workers told as well.

        Returns:
            What these are started with.
        """
        self.cards[card.name] = card
        known = {name: d for name, d in self._config.calibrations.items() if name != card.name}
        kept = {card.name: data} if keep else {}
        self._config = replace(self._config, calibrations=known | kept)
        self._workers.change(Recalibrate(card.name, data))
        return self._config

    def retire(self) -> None:
        """End the worker as soon as it has finished what it has; nothing new may come.

        What runs only while nothing else does has not the time to finish.
        """
        self._retired = True
        for job in self.ledger.jobs:
            if job.idle:
                self.end(job, DrainingError("what is idle ends with the worker"))
        self._end_if_idle()

    def cut_off(self) -> None:
        """Give up all requests."""
        for job in self.ledger.jobs:
            self._end(job, DrainingError("the server shut down before the request was done", 5))

    async def stop(self) -> None:
        """End the worker; requests still under way are cut off."""
        self._retired = True
        self.cut_off()
        self._end_if_idle()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.gone.wait(), EXIT_S)
        if not self.gone.is_set():
            self._workers.kill()
            await self.gone.wait()

    def _end_if_idle(self) -> None:
        """End the worker, if it is retired and nothing is left to do."""
        if self._retired and not self.ledger.jobs:
            self._workers.close()

    def _leave_off(self) -> None:
        self._end_startup(StartupError("the server was stopped before it was ready"))
        self.gone.set()

    def _feed(self) -> None:
        if self.serving:
            for job in self.ledger.hand_over():
                self._workers.send(job.submit())

    def _end(self, job: Job, error: EngineError | None) -> None:
        """The only way out for a job, so that it has one outcome."""
        self.ledger.close(job)
        if job.timer is not None:
            job.timer.cancel()
        job.put(error)
        self._feed()
        self._unload_idle()
        self._end_if_idle()

    def _unload_idle(self) -> None:
        """Have the worker unload the models that no request needs any more."""
        if not self._unloading:
            return
        for model in self._unloading - {job.card.name for job in self.ledger.jobs}:
            self._unloading.discard(model)
            self.standing.pop(model, None)
            self._workers.change(Unload(model))

    def _budgeted(self, needed: set[str]) -> dict[str, Any]:
        """What a successor should know where not all models fit into memory."""
        if self._config.model_bytes is None or not self.cards:
            return {}
        wanted = (*self.resident, *sorted(needed))
        resting = tuple(
            Resting(card, self._tick_s[name], self.nbytes[name])
            for name, card in self.cards.items()
            if name not in wanted
        )
        return {"last": wanted, "resting": resting}

    def _received(self, message: Ready | Report) -> None:
        if isinstance(message, Ready):
            self._came_up(message)
        else:
            self._reported(message)

    def _reported(self, report: Report) -> None:
        for started in report.started:
            if job := self.ledger.get(started.request):
                job.in_flight = True
                if not job.started:
                    job.started = True
                    job.put(started)
        for progress in report.progress:
            if job := self.ledger.get(progress.request):
                job.put_progress(progress)
        for viewed in report.viewed:
            if job := self.ledger.get(viewed.request):
                job.put(viewed)
        for refused in report.refused:
            if job := self.ledger.get(refused.request):
                self.end(job, ImpossibleError(refused.error))
        for event in report.cache_events:
            others = tuple(name for name in self.resident if name != event.model)
            self.resident = (*others, event.model) if event.what == "loaded" else others
            self._heard(self, event)
        launched: dict[Job, dict[int, LaneSpec]] = {}
        for finished in report.finished:
            if job := self.ledger.get(finished.request):
                launched.setdefault(job, {}).update(self._finished(job, finished))
        for failed in report.failed:
            if job := self.ledger.get(failed.request):
                log.error("a request of %s failed: %s", job.card.name, failed.error)
                error = OutOfMemoryError if failed.memory else RequestFailedError
                self.end(job, error(failed.error))
        for job, lanes in launched.items():
            # What the worker has not been given yet, it will be given as a whole.
            if lanes and self.ledger.was_given(job):
                self._workers.send(job.submit(lanes))
        now = asyncio.get_running_loop().time()
        for stats in report.stats:
            self.standing[stats.model] = stats.running, stats.waiting
            self.forecast.ticked(stats, now)
            self._heard(self, stats)

    def _finished(self, job: Job, finished: Finished) -> dict[int, LaneSpec]:
        """Hand a sample over; return the lanes that it calls for, by their numbers."""
        self.ledger.deliver(job, finished.lane)
        self._restarts = 0
        self.lane_s = finished.finished - finished.admitted
        self.forecast.finished(job.card.name, finished.sample)
        job.put(finished)
        next_lane = None if job.follow is None else job.follow(finished.sample, job.launched)
        if next_lane is not None:
            return {self.ledger.launch(job, next_lane): next_lane}
        if job.rounds is not None:
            job.passed += job.rounds.passes(finished.sample)
        if job.unfinished:
            return {}
        further = job.next_round(finished.sample)
        if not further:
            self._end(job, None)
        return {self.ledger.launch(job, spec): spec for spec in further}

    def _came_up(self, ready: Ready) -> None:
        self.cards = {
            card.name: card for card in ready.cards if card.name not in self._config.without
        }
        self.forecast.expect(ready.tick_s)
        self.failures = ready.failures
        self.nbytes, self.resident, self._tick_s = ready.nbytes, ready.resident, ready.tick_s
        loaded = {card.name: card for card in ready.cards}
        for job in self.ledger.jobs:
            present = loaded.get(job.card.name)
            if present is None or present.version != job.card.version:
                changed = f"model {job.card.name} changed while the request ran"
                self._end(job, RequestFailedError(changed))
        self.serving, self._serving_since = True, asyncio.get_running_loop().time()
        self._end_startup(None)
        self._heard(self, ready)
        self._feed()
        self._unload_idle()
        self._end_if_idle()

    def _end_startup(self, error: StartupError | None) -> None:
        if not self._startup_done.is_set():
            self._startup_error = error
            self._startup_done.set()

    def _exited(self, how: str) -> None:
        """The worker has ended, or none could be loaded; a predicate says how."""
        loop = asyncio.get_running_loop()
        if self.serving and loop.time() - self._serving_since > STEADY_S:
            self._restarts = 0
        self.serving = False
        self.standing.clear()
        if self._retired and not self.ledger.jobs:
            self._workers.close()
            return
        if not self._startup_done.is_set():
            self._end_startup(StartupError(f"the worker process {how}"))
            return
        for job in self.ledger.take_back():
            self._end(job, RequestFailedError(f"{job.crashes} workers died while they ran it"))
        delay = BACK_OFF_S[min(self._restarts, len(BACK_OFF_S) - 1)]
        self._restarts += 1
        if self._restarts >= SUSPECT_DEATHS:
            self._workers.renew()
        log.error("the worker process %s; a new one starts in %g s", how, delay)
        self._metrics.worker_restarted()
        loop.call_later(delay, self.start)
