"""The API side of the engine: accepts requests and keeps a worker alive to serve them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from math import inf
from time import monotonic
from typing import Protocol

from sureflow.card import ModelCard
from sureflow.lane import LaneSpec
from sureflow_server.engine.account import Account
from sureflow_server.engine.errors import (
    DeadlineError,
    DeadlineUnreachableError,
    DrainingError,
    EngineError,
    ImpossibleError,
    NotReadyError,
    QueueFullError,
    RequestFailedError,
    StartupError,
)
from sureflow_server.engine.forecast import Forecast
from sureflow_server.engine.job import Follow, Job
from sureflow_server.engine.ledger import Ledger
from sureflow_server.engine.messages import (
    Cancel,
    Finished,
    Message,
    Ready,
    Terms,
    TickStats,
    WorkerConfig,
)
from sureflow_server.engine.process import WorkerProcess
from sureflow_server.engine.width import brisk

log = logging.getLogger(__name__)

BACK_OFF_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
EXIT_S = 5.0
MIN_RETRY_S, MAX_RETRY_S = 0.05, 60.0


class Observer(Protocol):
    """Who wants to know what the engine does."""

    def ticked(self, stats: TickStats) -> None:
        """Ticks were made."""

    def worker_restarted(self) -> None:
        """A dead worker is being replaced."""


class Pool:
    """Runs requests in a worker process, and replaces the worker when it dies.

    All methods belong to one event loop.

    Args:
        config: What workers are started with.
        max_queued_samples: Samples accepted and not finished, beyond which requests are refused.
        observer: Told of ticks and restarts.

    Attributes:
        folder: Where the checkpoints lie, known once a worker has been ready.
        cards: Models that can be asked for, by name.
        failures: Why other models cannot, by name of their folder.
    """

    def __init__(self, config: WorkerConfig, max_queued_samples: int, observer: Observer) -> None:
        self._config = config
        self._max_queued = max_queued_samples
        self._observer = observer
        self._ids = count(1)
        self._ledger = Ledger()
        self._forecast = Forecast()
        self._lane_s = 0.0
        self._restarts = 0
        self._worker: WorkerProcess | None = None
        self._serving = False
        self._draining = False
        self._settled = asyncio.Event()
        self._startup_error: StartupError | None = None
        self._gone = asyncio.Event()
        self.folder = ""
        self.cards: dict[str, ModelCard] = {}
        self.failures: dict[str, str] = {}

    @property
    def ready(self) -> bool:
        """Whether a worker stands by, warmed up, and new requests are welcome."""
        return self._serving and not self._draining

    @property
    def draining(self) -> bool:
        """Whether the pool takes nothing new because it is about to end."""
        return self._draining

    def start(self) -> None:
        """Start the first worker; returns before it is ready."""
        self._spawn()

    async def wait_ready(self) -> None:
        """Wait for the first worker.

        Raises:
            StartupError: It died before it was ready, or was stopped.
        """
        await self._settled.wait()
        if self._startup_error is not None:
            raise self._startup_error

    def drain(self, seconds: float) -> None:
        """Refuse new requests from now on, and give those under way this long to finish."""
        self._draining = True
        asyncio.get_running_loop().call_later(seconds, self._cut_off)

    async def stop(self) -> None:
        """End the worker; requests still under way are cut off."""
        self._draining = True
        self._cut_off()
        if self._worker is not None:
            if self._serving:
                self._worker.stop()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._gone.wait(), EXIT_S)
            if self._worker is not None:
                self._worker.kill()
                await self._gone.wait()
        self._settle(StartupError("the server was stopped before it was ready"))

    def submit(
        self,
        card: ModelCard,
        lanes: Sequence[LaneSpec],
        *,
        progress: bool = False,
        owner: str = "",
        account: Account | None = None,
        priority: int = 0,
        deadline_s: float | None = None,
        follow: Follow | None = None,
    ) -> Job:
        """Accept a request: room for all its lanes is reserved, or it is refused.

        Args:
            card: The model.
            lanes: What to make.
            progress: Whether the steps of the lanes are of interest.
            owner: Whose request it is; owners share the server evenly.
            account: Holds the owner's limits and is charged; without one there are none.
            priority: Higher ones go first.
            deadline_s: Seconds from now after which nobody waits any more.
            follow: Names the lane that a finished one calls for, if any; it has no effects.

        Raises:
            NotReadyError: No worker has come up yet.
            DrainingError: The server is about to end.
            TooManySamplesError: The account never allows so many.
            QuotaError: The account has as many under way as it may.
            RateError: The account has started as many as it may for now.
            QueueFullError: There is no room.
            DeadlineUnreachableError: There is no time.
        """
        if self._draining:
            raise DrainingError("the server is shutting down", 5)
        if card.name not in self.cards:
            raise NotReadyError("the models are still being loaded", 2)
        account = account or Account()
        account.admit(len(lanes))
        reserved = self._ledger.reserved
        if reserved + len(lanes) > self._max_queued:
            raise QueueFullError(
                f"{reserved} samples are under way and at most {self._max_queued} may be; "
                f"there is no room for {len(lanes)} more",
                self._retry_after_s(),
            )
        deadline = inf if deadline_s is None else monotonic() + deadline_s
        job = Job(
            next(self._ids),
            card,
            dict(enumerate(lanes)),
            progress,
            self._leave,
            Terms(owner, priority, deadline),
            self._forecast.lane_rows(card.name, lanes[0]),
            follow,
            account,
        )
        if deadline_s is not None:
            self._set_deadline(job, deadline_s)
        self._ledger.open(job)
        self._feed()
        return job

    def _set_deadline(self, job: Job, deadline_s: float) -> None:
        seconds = self._forecast.seconds(job, self._ledger.jobs)
        if seconds > deadline_s:
            raise DeadlineUnreachableError(
                f"with what is under way it would take about {seconds:.2g} s, and the deadline is "
                f"{deadline_s:g} s",
                self._retry_after_s(),
            )
        job.timer = asyncio.get_running_loop().call_later(deadline_s, self._expire, job)

    def _expire(self, job: Job) -> None:
        """Give up a request whose deadline has passed."""
        self._stop(job, DeadlineError("the deadline passed before all samples were done"))

    def _retry_after_s(self) -> float:
        """Estimate when half of what is under way will be done."""
        at_once = max((len(seconds) for seconds in self._forecast.tick_s.values()), default=2) - 1
        seconds = self._lane_s * self._ledger.reserved / at_once / 2
        return min(max(seconds, MIN_RETRY_S), MAX_RETRY_S)

    def _feed(self) -> None:
        if self._worker is not None and self._serving:
            for job in self._ledger.hand_over():
                self._worker.send(job.submit())

    def _leave(self, job: Job) -> None:
        """The caller has had enough, or all."""
        self._stop(job, None)

    def _stop(self, job: Job, error: EngineError | None) -> None:
        """End a job before its time; one that has ended already is left alone."""
        if self._worker is not None and self._ledger.was_given(job):
            self._worker.send(Cancel(job.id))
        if job in self._ledger:
            self._end(job, error)

    def _cut_off(self) -> None:
        for job in self._ledger.jobs:
            self._end(job, DrainingError("the server shut down before the request was done", 5))

    def _end(self, job: Job, error: EngineError | None) -> None:
        """The only way out for a job, so that it has one outcome."""
        self._ledger.close(job)
        if job.timer is not None:
            job.timer.cancel()
        job.put(error)
        self._feed()

    def _spawn(self) -> None:
        if not self._draining or self._ledger.jobs:
            self._worker = WorkerProcess(self._config, self._received, self._exited)

    def _received(self, message: Message) -> None:
        if isinstance(message, Ready):
            self._came_up(message)
            return
        for started in message.started:
            if job := self._ledger.get(started.request):
                job.in_flight = True
                if not job.started:
                    job.started = True
                    job.put(started)
        for progress in message.progress:
            if job := self._ledger.get(progress.request):
                job.put_progress(progress)
        for refused in message.refused:
            if job := self._ledger.get(refused.request):
                self._stop(job, ImpossibleError(refused.error))
        launched: dict[Job, dict[int, LaneSpec]] = {}
        for finished in message.finished:
            if job := self._ledger.get(finished.request):
                launched.setdefault(job, {}).update(self._finished(job, finished))
        for job, lanes in launched.items():
            # What the worker has not been given yet, it will be given as a whole.
            if lanes and self._worker is not None and self._ledger.was_given(job):
                self._worker.send(job.submit(lanes))
        for stats in message.stats:
            self._forecast.ticked(stats)
            self._observer.ticked(stats)

    def _finished(self, job: Job, finished: Finished) -> dict[int, LaneSpec]:
        """Hand a sample over; return the lane that it calls for, by its number."""
        self._ledger.deliver(job, finished.lane)
        self._restarts = 0
        self._lane_s = finished.finished - finished.admitted
        self._forecast.finished(job.card.name, finished.sample)
        job.put(finished)
        next_lane = None if job.follow is None else job.follow(finished.sample, job.launched)
        if next_lane is not None:
            return {self._ledger.launch(job, next_lane): next_lane}
        if not job.unfinished:
            self._end(job, None)
        return {}

    def _came_up(self, ready: Ready) -> None:
        self.folder = ready.folder
        self.cards = {card.name: card for card in ready.cards}
        self.failures = ready.failures
        self._forecast.tick_s = {
            model: seconds[: brisk(seconds) + 1] for model, seconds in ready.tick_s.items()
        }
        for job in self._ledger.jobs:
            if self.cards.get(job.card.name) != job.card:
                changed = f"model {job.card.name} changed while the request ran"
                self._end(job, RequestFailedError(changed))
        self._serving = True
        self._settle(None)
        self._feed()

    def _settle(self, error: StartupError | None) -> None:
        if not self._settled.is_set():
            self._startup_error = error
            self._settled.set()

    def _exited(self, code: int | None) -> None:
        self._worker = None
        self._serving = False
        if self._draining and not self._ledger.jobs:
            self._gone.set()
            return
        if not self._settled.is_set():
            message = f"the worker process ended with code {code} while loading the models"
            self._settle(StartupError(message))
            return
        for job in self._ledger.take_back():
            self._end(job, RequestFailedError(f"{job.crashes} workers died while they ran it"))
        delay = BACK_OFF_S[min(self._restarts, len(BACK_OFF_S) - 1)]
        self._restarts += 1
        log.error("the worker process ended with code %s; a new one starts in %g s", code, delay)
        self._observer.worker_restarted()
        asyncio.get_running_loop().call_later(delay, self._spawn)
