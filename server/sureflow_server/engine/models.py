"""Which models are in service, and the workers that have them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from sureflow.confidence.calibration import CALIBRATION, Calibration
from sureflow.core.card import ModelCard
from sureflow.folders import checkpoint_folders
from sureflow_server.engine.errors import (
    DrainingError,
    EngineError,
    LoadError,
    LoadUnderWayError,
    NoSuchModelError,
    NotReadyError,
    StartupError,
)
from sureflow_server.engine.messages import CacheEvent, Ready, TickStats, WorkerConfig
from sureflow_server.engine.retries import Retries
from sureflow_server.engine.supervisor import Supervisor
from sureflow_server.engine.timeouts import Timeouts
from sureflow_server.engine.trial import trial
from sureflow_server.metrics import Metrics

log = logging.getLogger(__name__)

MAX_WORKERS = 3
"""One that serves, one that is being loaded, and one that finishes what it had before the last
load. Each has its models in memory."""

LOAD_RETRY_S = 2.0
"""When it is worth asking again for a load that is refused since another is under way."""


class Models:
    """Keeps models in a worker process, and replaces the worker when models change.

    To load a model another worker is started beside the one that serves. Once it has generated with
    every model it takes over: it gets the new requests, while the other finishes what it has. All
    methods belong to one event loop.

    A folder in whose loading a process ended, or that others did not wait for, is tried once more,
    alone, while the others serve.

    Attributes:
        draining: Whether nothing new is taken because the server is about to end.
        folder: Where the checkpoints lie, known once a worker has been ready.
        cards: Models that can be asked for, by name.
        failures: Why other models cannot, by name of their folder.
        unloaded: Names of models that were unloaded.
    """

    def __init__(
        self, config: WorkerConfig, metrics: Metrics, timeouts: Timeouts | None = None
    ) -> None:
        self._config = config
        self._metrics = metrics
        self._timeouts = timeouts or Timeouts()
        self._current = Supervisor(config, self._timeouts, self._heard, metrics)
        self._all = [self._current]
        self._changing = asyncio.Lock()
        self._retries = Retries(self._bring)
        self._reasons: dict[str, str] = {}
        self.draining = False
        self.folder = ""
        self.cards: dict[str, ModelCard] = {}
        self.failures: dict[str, str] = {}
        self.unloaded: set[str] = set()

    @property
    def ready(self) -> bool:
        """Whether a worker stands by, warmed up, and new requests are welcome."""
        empty = not self.cards and bool(self.loading)
        return self._current.serving and not self.draining and not empty

    @property
    def loading(self) -> list[str]:
        """Names of folders that are still to be loaded, or being loaded, while others serve."""
        return [*self._retries.pending]

    @property
    def resident(self) -> dict[str, int]:
        """Bytes of the models in memory, by name, the least recently used first."""
        current = self._current
        return {name: current.nbytes[name] for name in current.resident}

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

    async def wait_for_a_folder(self) -> None:
        """Wait until one of those in ``loading`` is there, or has failed."""
        await self._retries.next_end()

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
        await self._retries.close()
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
        async with self._change():
            self._retries.forget(name)
            self._reasons.pop(name, None)
            return await self._load(name)

    async def unload(self, name: str) -> None:
        """Take a model out of service; requests under way with it finish first.

        Raises:
            DrainingError: The server is about to end.
            NotReadyError: No worker has come up yet.
            NoSuchModelError: No such model is in service.
        """
        async with self._change():
            self._check_open()
            if name not in self.cards:
                raise NoSuchModelError(f"no model {name} is loaded")
            self._config = replace(self._config, without=self._config.without | {name})
            self._current.unload(name)
            self._take(self._current)

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
        async with self._change():
            if name not in self.cards:
                raise NoSuchModelError(f"no model {name} is loaded")
            made = Calibration.decode(data)
            card = replace(
                self.cards[name], calibrated=made.summary(), calibration_version=made.version
            )
            self._config = self._current.recalibrate(card, data, keep)
            self._take(self._current)
            return card

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

    @asynccontextmanager
    async def _change(self) -> AsyncIterator[None]:
        """Change models, and nobody else does."""
        async with self._changing, self._retries.paused():
            yield

    async def _load(self, name: str) -> ModelCard:
        self._check_open()
        if not self._has(name):
            raise NoSuchModelError(f"there is no checkpoint folder {name!r}")
        self._all = [each for each in self._all if not each.gone.is_set()]
        if len(self._all) >= MAX_WORKERS:
            finishing = len(self._all) - 1
            message = f"{finishing} workers still finish what they had before earlier loads"
            raise LoadUnderWayError(message, LOAD_RETRY_S)
        config = self._config_with(name)
        patient = replace(self._timeouts, patient=True)
        standby = Supervisor(config, patient, self._heard, self._metrics)
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

    def _config_with(self, name: str) -> WorkerConfig:
        """What a worker is started with that shall have this model too."""
        config = self._config
        # What is in its folder is what shall be in service.
        kept = {n: data for n, data in config.calibrations.items() if n != name}
        faulty = {n: how for n, how in self._current.faulty.items() if n != name}
        last = config.last
        if config.model_bytes is not None:
            last = *self._current.resident, name
        without = config.without - {name}
        return replace(config, without=without, calibrations=kept, faulty=faulty, last=last)

    async def _bring(self, name: str) -> None:
        """Try a folder alone, and take it into service if it can be loaded."""
        reason = await trial(self._config_with(name), name, self._timeouts.load_s)
        if reason is None:
            try:
                await self._load(name)
            except EngineError as error:
                reason = str(error)
        if reason is not None:
            log.error("%s could not be loaded, once more: %s", name, reason)
            self._reasons[name] = reason
            self.failures = {**self.failures, name: reason}

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
        said = supervisor.failures
        self.failures = {name: self._reasons.get(name, reason) for name, reason in said.items()}
        self.unloaded = {*self._config.without}
        self._retries.add(supervisor.faulty)
        self._metrics.resident(self.resident)
        for card in self.cards.values():
            self._metrics.runs_on(card.name, card.numerics)
