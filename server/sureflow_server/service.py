"""What the routes need, in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import Request

from sureflow.core.family import Family, families
from sureflow.recipe import FIRST_FAMILY
from sureflow_server.api.answer_budget import AnswerBudget
from sureflow_server.api.board import Board
from sureflow_server.api.review_stream import ReviewStreams
from sureflow_server.bodies import Bodies
from sureflow_server.engine.errors import StartupError
from sureflow_server.engine.pool import Pool
from sureflow_server.exposure import Exposure
from sureflow_server.judges import JudgePool
from sureflow_server.keys.accounts import Accounts
from sureflow_server.keys.reads import Reads
from sureflow_server.keys.ring import KeyRing
from sureflow_server.metrics import Metrics
from sureflow_server.replays import Replays
from sureflow_server.served import ServedSamples
from sureflow_server.settings import Settings
from sureflow_server.standing import Standing
from sureflow_server.store import Store, StoreUnavailableError, VerdictStore

PREFERRED_DEFAULT = "fashion"


@dataclass(frozen=True, slots=True)
class Service:
    """The running server: settings, engine, metrics, API keys if it has any, and what it keeps.

    Attributes:
        bodies: Those of requests under way.
        replays: Answers to requests with an idempotency key.
        jobs: Requests that go on without their clients.
        answers: What is held by answers that are being made or read.
        reads: How often who asks for what is there.
        streams: The draws of models that reviews are of.
        judges: Of samples that filters accept.
        handles: Where they are kept; ``None`` before the server runs.
        reviewed: Where verdicts are kept; likewise.
        withdrawn: Certificates that do not hold, by their version, and why.
        learning: Held while what is withdrawn is read, so that the last to read it has the word.
        served: Samples of the last answers.
        standing: What a standing judge is to look at.
        exposure: How many samples of which kind were served, for the alarm.
        differing: Names the models that other replicas make on other kernels.
    """

    settings: Settings
    pool: Pool
    metrics: Metrics
    bodies: Bodies
    keys: KeyRing | None
    accounts: Accounts
    replays: Replays
    jobs: Board
    answers: AnswerBudget
    reads: Reads
    streams: ReviewStreams
    judges: JudgePool
    handles: Store | None = None
    reviewed: VerdictStore | None = None
    withdrawn: dict[str, str] = field(default_factory=dict)
    learning: asyncio.Lock = field(default_factory=asyncio.Lock)
    served: ServedSamples = field(default_factory=ServedSamples)
    exposure: Exposure = field(default_factory=Exposure)
    standing: Standing = field(default_factory=Standing)
    differing: Callable[[], list[str]] = list

    @property
    def store(self) -> Store:
        """Where handles are kept.

        Raises:
            StoreUnavailableError: The server does not run.
        """
        if self.handles is None:
            raise StoreUnavailableError("no store is open")
        return self.handles

    @property
    def verdict_store(self) -> VerdictStore:
        """Where verdicts are kept.

        Raises:
            StoreUnavailableError: The server does not run.
        """
        if self.reviewed is None:
            raise StoreUnavailableError("no store of verdicts is open")
        return self.reviewed

    @classmethod
    def of(cls, request: Request) -> Service:
        """Return the service that answers this request."""
        service: Service = request.app.state.service
        return service

    @property
    def default_model(self) -> str | None:
        """Name of the model for requests that name none; ``None`` if there is no model at all."""
        if self.settings.default_model is not None:
            return self.settings.default_model
        if PREFERRED_DEFAULT in {*self.pool.cards, *self.pool.failures, *self.pool.unloaded}:
            return PREFERRED_DEFAULT
        return next(iter(sorted({*self.pool.cards, *self.pool.unloaded})), None)

    def family_of(self, model: str | None) -> Family:
        """Return the family of a model by its name, ``None`` being the default model.

        Of a model that there is not, it is the one that requests have always been for.
        """
        card = self.pool.cards.get(model or self.default_model or "")
        return families()[FIRST_FAMILY if card is None else card.family]

    async def wait_ready(self) -> None:
        """Wait until requests can be served.

        Raises:
            StartupError: They never can: no model works, or the default one does not.
        """
        await self.pool.wait_ready()
        while self.pool.loading and self.default_model not in self.pool.cards:
            await self.pool.wait_for_a_folder()
        folder, failures = self.pool.folder, self.pool.failures
        if not self.pool.cards:
            reasons = [*dict.fromkeys(failures.values())]
            if len(reasons) == 1 < len(failures):  # then it is nothing of a folder
                raise StartupError(reasons[0])
            raise StartupError(f"no model could be loaded from {folder}: {'; '.join(reasons)}")
        name = self.default_model
        if name not in self.pool.cards:
            reason = failures.get(str(name), "its folder is gone")
            raise StartupError(f"the default model {name} could not be loaded: {reason}")
