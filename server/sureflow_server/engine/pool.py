"""The API side of the engine: accepts requests, and changes models while it serves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from math import inf
from pathlib import Path

from sureflow.confidence.calibration import CALIBRATION, Calibration
from sureflow.core.card import ModelCard
from sureflow.core.family import weight_of
from sureflow.core.lane import LaneSpec
from sureflow.folders import checkpoint_folders
from sureflow_server.engine.account import Account, Tally
from sureflow_server.engine.admission import AdmissionLimits, footprint_of
from sureflow_server.engine.errors import (
    DeadlineError,
    DeadlineUnreachableError,
    DrainingError,
    LoadError,
    LoadUnderWayError,
    NoSuchModelError,
    NotReadyError,
    QueueFullError,
    StartupError,
    TooManySamplesError,
)
from sureflow_server.engine.job import Follow, Job
from sureflow_server.engine.messages import CacheEvent, Ready, Terms, TickStats, WorkerConfig
from sureflow_server.engine.scheduler import IDLE
from sureflow_server.engine.supervisor import Supervisor
from sureflow_server.engine.timeouts import Timeouts
from sureflow_server.metrics import Metrics

MIN_RETRY_S, MAX_RETRY_S = 0.05, 60.0

MAX_WORKERS = 3
"""One that serves, one that is being loaded, and one that finishes what it had before the last
load. Each has its models in memory."""

LOAD_RETRY_S = 2.0
"""When it is worth asking again for a load that is refused since another is under way."""


class Pool:
    """Runs requests in a worker process, and replaces the worker when it dies or models change.

    To load a model another worker is started beside the one that serves. Once it has generated with
    every model it takes over: it gets the new requests, while the other finishes what it has. All
    methods belong to one event loop.

    Attributes:
        draining: Whether the pool takes nothing new because it is about to end.
        folder: Where the checkpoints lie, known once a worker has been ready.
        cards: Models that can be asked for, by name.
        failures: Why other models cannot, by name of their folder.
        unloaded: Names of models that were unloaded.
    """

    def __init__(
        self,
        config: WorkerConfig,
        limits: AdmissionLimits,
        metrics: Metrics,
        timeouts: Timeouts | None = None,
    ) -> None:
        self._config = config
        self._limits = limits
        self._metrics = metrics
        self._timeouts = timeouts or Timeouts()
        self._ids = count(1)
        self._current = Supervisor(config, self._timeouts, self._heard, metrics)
        self._all = [self._current]
        self._changing = asyncio.Lock()
        self.draining = False
        self.folder = ""
        self.cards: dict[str, ModelCard] = {}
        self.failures: dict[str, str] = {}
        self.unloaded: set[str] = set()

    @property
    def ready(self) -> bool:
        """Whether a worker stands by, warmed up, and new requests are welcome."""
        return self._current.serving and not self.draining

    @property
    def resident(self) -> dict[str, int]:
        """Bytes of the models in memory, by name, the least recently used first."""
        current = self._current
        return {name: current.nbytes[name] for name in current.resident}

    @property
    def reserved(self) -> int:
        """Samples accepted and not finished."""
        return sum(each.ledger.reserved for each in self._all)

    @property
    def reserved_bytes(self) -> int:
        """Bytes reserved for the requests under way."""
        return sum(each.ledger.nbytes for each in self._all)

    def fingerprints(self) -> dict[str, str]:
        """Return those of the kernels that models run on, by the model's name and version."""
        return {
            f"{card.name} {card.version}": str(card.numerics.get("fingerprint", ""))
            for card in self.cards.values()
        }

    def start(self) -> None:
        """Start the first worker; returns before it is ready."""
        self._current.start()

    async def wait_ready(self) -> None:
        """Wait for the first worker.

        Raises:
            StartupError: It died before it was ready, took too long, or was stopped.
        """
        await self._current.wait_ready()

    def drain(self, seconds: float) -> None:
        """Refuse new requests from now on, and give those under way this long to finish."""
        self.draining = True
        loop = asyncio.get_running_loop()
        for each in self._all:
            each.retire()
            loop.call_later(seconds, each.cut_off)

    async def stop(self) -> None:
        """End all workers; requests still under way are cut off."""
        self.draining = True
        await asyncio.gather(*(each.stop() for each in self._all))

    async def load(self, name: str) -> ModelCard:
        """Load a checkpoint folder, new or changed, and take it into service; return its card.

        All folders are read anew, so that others that have changed are changed as well. A load
        that is cancelled ends, and nothing changes.

        Raises:
            DrainingError: The server is about to end.
            LoadUnderWayError: Another load is under way, or there are :data:`MAX_WORKERS` already.
            NotReadyError: No worker has come up yet.
            NoSuchModelError: There is no such folder.
            LoadError: The folder, or another that is in service, cannot be loaded; nothing changes.
        """
        if self._changing.locked():
            raise LoadUnderWayError("one model is loaded at a time", LOAD_RETRY_S)
        async with self._changing:
            self._check_open()
            if not self._has(name):
                raise NoSuchModelError(f"there is no checkpoint folder {name!r}")
            self._all = [each for each in self._all if not each.gone.is_set()]
            if len(self._all) >= MAX_WORKERS:
                finishing = len(self._all) - 1
                message = f"{finishing} workers still finish what they had before earlier loads"
                raise LoadUnderWayError(message, LOAD_RETRY_S)
            # What is in its folder is what shall be in service.
            kept = {n: data for n, data in self._config.calibrations.items() if n != name}
            without = self._config.without - {name}
            faulty = {n: how for n, how in self._current.faulty.items() if n != name}
            config = replace(self._config, without=without, calibrations=kept, faulty=faulty)
            if config.model_bytes is not None:
                config = replace(config, last=(*self._current.resident, name))
            standby = Supervisor(config, self._timeouts, self._heard, self._metrics)
            self._all.append(standby)
            standby.start()
            try:
                await self._warmed_up(standby, name)
            except (LoadError, asyncio.CancelledError):
                standby.retire()
                raise
            old, self._current, self._config = self._current, standby, config
            self._take(standby)
            old.retire()
            return self.cards[name]

    async def unload(self, name: str) -> None:
        """Take a model out of service; requests under way with it finish first.

        Raises:
            DrainingError: The server is about to end.
            NotReadyError: No worker has come up yet.
            NoSuchModelError: No such model is in service.
        """
        async with self._changing:
            self._check_open()
            if name not in self.cards:
                raise NoSuchModelError(f"no model {name} is loaded")
            self._config = replace(self._config, without=self._config.without | {name})
            self._current.unload(name)
            self._take(self._current)

    def submit(
        self,
        card: ModelCard,
        lanes: Sequence[LaneSpec],
        *,
        progress: bool = False,
        owner: str = "",
        account: Tally | None = None,
        priority: int = 0,
        deadline_s: float | None = None,
        follow: Follow | None = None,
        idle: bool = False,
    ) -> Job:
        """Accept a request: room for all its lanes is reserved, or it is refused.

        Args:
            card: The model.
            lanes: What to make.
            progress: Whether the steps of the lanes are of interest.
            owner: Whose request it is; owners share the server evenly.
            account: Holds the owner's limits and is charged; without one there are none.
            priority: Higher ones go first.
            deadline_s: Seconds from now after which the request is given up.
            follow: Names the lane that a finished one calls for, if any; it has no effects.
            idle: It has rows only while no other request wants any, and takes no room from them.

        Raises:
            NotReadyError: No worker has come up yet, or the model has just been changed.
            DrainingError: The server is about to end.
            TooManySamplesError: The account never allows so many, or there is never room for them.
            QuotaError: The account has as many under way as it may.
            RateError: The account has started as many as it may for now.
            QueueFullError: There is no room.
            DeadlineUnreachableError: There is no time.
        """
        self._check_open()
        present = self.cards.get(card.name)
        if present is None or present.version != card.version:
            raise NotReadyError(f"{card.name} has just been changed", MIN_RETRY_S)
        account = account or Account()
        account.admit(len(lanes))
        nbytes = sum(footprint_of(lane, card) for lane in lanes)
        if not idle:
            self._check_limits(len(lanes), nbytes)
        supervisor = self._current
        now = asyncio.get_running_loop().time()
        deadline = inf if deadline_s is None else now + deadline_s
        job = Job(
            next(self._ids),
            card,
            dict(enumerate(lanes)),
            progress,
            supervisor.end,
            Terms(owner, IDLE if idle else priority, deadline),
            supervisor.forecast.lane_rows(card.name, lanes[0]) * weight_of(lanes[0], card),
            follow,
            account,
            nbytes,
        )
        if deadline_s is not None:
            self._set_deadline(supervisor, job, deadline_s)
        supervisor.accept(job)
        return job

    def calibration_of(self, name: str) -> bytes:
        """Return the calibration of a model in service, as a file has it.

        Raises:
            OSError: It has none, or it cannot be read.
        """
        kept = self._config.calibrations.get(name)
        return self.calibration_file(name).read_bytes() if kept is None else kept

    def calibration_file(self, name: str) -> Path:
        """Return where the calibration of a model belongs."""
        return Path(self.folder) / name / CALIBRATION

    async def recalibrate(self, name: str, data: bytes, keep: bool) -> ModelCard:
        """Turn the scores of a model into confidence by another calibration from now on.

        Where it is in no file, ``keep`` has workers to come told as well.

        Returns:
            The card that the model has then; its version is the same.

        Raises:
            NoSuchModelError: No such model is in service.
        """
        async with self._changing:
            if name not in self.cards:
                raise NoSuchModelError(f"no model {name} is loaded")
            made = Calibration.decode(data)
            card = replace(
                self.cards[name], calibrated=made.summary(), calibration_version=made.version
            )
            self._config = self._current.recalibrate(card, data, keep)
            self._take(self._current)
            return card

    def before(self, job: Job) -> int:
        """Return how many requests wait that are to start before this one; 0 once it has started.

        An estimate: owners share evenly, which is not looked at.
        """
        if job.started:
            return 0
        waiting = [other for each in self._all for other in each.ledger.jobs if not other.started]
        return sum(_order(other) < _order(job) for other in waiting)

    def _heard(self, supervisor: Supervisor, news: Ready | TickStats | CacheEvent) -> None:
        """Take note of what a worker tells of itself, and pass it on."""
        if isinstance(news, TickStats):
            standing = [each.standing.get(news.model, (0, 0)) for each in self._all]
            running, waiting = (sum(column) for column in zip(*standing, strict=True))
            self._metrics.ticked(replace(news, running=running, waiting=waiting))
        elif isinstance(news, CacheEvent):
            self._metrics.cache_changed(news)
            self._metrics.resident(self.resident)
        else:
            self.folder = news.folder
            if supervisor is self._current:  # else it has not taken over yet
                self._take(supervisor)

    def _check_open(self) -> None:
        if self.draining:
            raise DrainingError("the server is shutting down", 5)
        if not self.folder:
            raise NotReadyError("the models are still being loaded", 2)

    def _check_limits(self, samples: int, nbytes: int) -> None:
        most = self._limits
        if samples > most.samples:
            raise TooManySamplesError(f"at most {most.samples} at a time, got {samples}")
        if nbytes > most.nbytes:
            raise TooManySamplesError(
                f"{samples} such samples would take {nbytes} bytes, with the frames that are to be "
                f"kept, and at most {most.nbytes} may be taken"
            )
        if self.reserved + samples > most.samples:
            raise QueueFullError(
                f"{self.reserved} samples are under way and at most {most.samples} may be; "
                f"there is no room for {samples} more",
                self._retry_after_s(),
            )
        if self.reserved_bytes + nbytes > most.nbytes:
            raise QueueFullError(
                f"{self.reserved_bytes} bytes are reserved for what is under way and at most "
                f"{most.nbytes} may be; there is no room for {nbytes} more",
                self._retry_after_s(),
            )

    def _has(self, name: str) -> bool:
        """Whether there is such a folder, and nowhere else than in that of the checkpoints."""
        return name in {folder.name for folder in checkpoint_folders(Path(self.folder))}

    async def _warmed_up(self, standby: Supervisor, name: str) -> None:
        try:
            await standby.wait_ready()
        except StartupError as error:
            raise LoadError(f"{name} could not be loaded: {error}") from error
        for needed in (name, *self.cards):
            if needed not in standby.cards:
                reason = standby.failures.get(needed, "its folder is gone")
                raise LoadError(f"{needed} could not be loaded: {reason}")

    def _take(self, supervisor: Supervisor) -> None:
        """Make its models the ones that can be asked for."""
        self.cards = dict(supervisor.cards)
        self.failures = supervisor.failures
        self.unloaded = {*self._config.without}
        self._metrics.resident(self.resident)
        for card in self.cards.values():
            self._metrics.runs_on(card.name, card.numerics)

    def _set_deadline(self, supervisor: Supervisor, job: Job, deadline_s: float) -> None:
        loop = asyncio.get_running_loop()
        seconds = supervisor.forecast.seconds(job, supervisor.ledger.jobs, loop.time())
        if seconds > deadline_s:
            raise DeadlineUnreachableError(
                f"with what is under way it would take about {seconds:.2g} s, and the deadline is "
                f"{deadline_s:g} s",
                self._retry_after_s(),
            )
        error = DeadlineError("the deadline passed before all samples were done")
        job.timer = loop.call_later(deadline_s, supervisor.end, job, error)

    def _retry_after_s(self) -> float:
        """Estimate when half of what is under way will be done."""
        forecast = self._current.forecast
        at_once = max(map(forecast.rows, self.cards), default=1)
        seconds = self._current.lane_s * self.reserved / at_once / 2
        return min(max(seconds, MIN_RETRY_S), MAX_RETRY_S)


def _order(job: Job) -> tuple[int, float, int]:
    return -job.terms.priority, job.terms.deadline, job.id
