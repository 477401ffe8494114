"""Lanes of the server's own that are made while nothing else runs."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from sureflow.core.lane import LaneSpec, Sample
from sureflow_server.api.plan import Plan
from sureflow_server.api.run import Result, Run
from sureflow_server.engine.errors import DrainingError, NotReadyError, RequestFailedError
from sureflow_server.engine.job import Job
from sureflow_server.engine.messages import Finished, Progress, Started, Terms
from sureflow_server.engine.scheduler import IDLE
from sureflow_server.service import Service

BATCH = 64
"""Lanes that the engine is given at a time, so that little is lost with a worker."""

AGAIN_S = 0.2
"""Until the next try, while a worker is being replaced."""


class IdleRun(Run):
    """Makes the lanes of its plan in batches, and does something with their samples.

    Attributes:
        batch: Lanes that are made at a time.
    """

    batch = BATCH

    def __init__(self, plan: Plan, service: Service) -> None:
        nothing = Job(0, plan.card, {}, False, lambda job: None, Terms(priority=IDLE))
        super().__init__(plan, nothing, service.metrics)
        self._service, self._pool = service, service.pool
        self._evaluations = 0

    async def begin(self) -> None:
        """Get ready, before anything is made."""

    @abstractmethod
    async def take(self, samples: Sequence[Sample]) -> None:
        """Take the samples of a batch, in the order of its lanes."""

    @abstractmethod
    async def conclude(self) -> None:
        """Do what the samples were made for, once all are there."""

    def release(self) -> None:
        """Let go of what was taken, however the run ends."""

    async def events(self) -> AsyncGenerator[Started | Progress | Result | None, None]:
        """Yield that it has begun, and None after every batch.

        Raises:
            EngineError: The lanes cannot be made, or the model is another one by now.
        """
        with self._metrics.request(self.plan.card.name, self.plan.kind):
            try:
                await self.begin()
                for first in range(0, len(self.plan.lanes), self.batch):
                    lanes = self.plan.lanes[first : first + self.batch]
                    await self.take(await self._drawn(lanes))
                    self.done += len(lanes)
                    yield None if first else Started(0)
                await self.conclude()
            finally:
                self.release()

    def usage(self) -> dict[str, Any]:
        """Return what the lanes cost, as a JSON object."""
        return {**super().usage(), "evaluations": self._evaluations}

    async def _drawn(self, lanes: Sequence[LaneSpec]) -> list[Sample]:
        """Samples of lanes, in their order."""
        found: dict[int, Sample] = {}
        while True:
            try:
                async with self._pool.submit(self.plan.card, lanes, idle=True) as job:
                    async for event in job:
                        if isinstance(event, Finished):
                            found[event.lane] = event.sample
                            self._count_drawn(event)
                return [found[number] for number in range(len(lanes))]
            except (DrainingError, NotReadyError):
                present = self._pool.cards.get(self.plan.card.name)
                if present is None or present.version != self.plan.card.version:
                    raise RequestFailedError("the model is another one by now") from None
                if self._pool.draining:
                    raise
                await asyncio.sleep(AGAIN_S)

    def _count_drawn(self, event: Finished) -> None:
        self._evaluations += event.sample.evaluations
        self._admitted = min(self._admitted, event.admitted)
        self._finished = max(self._finished, event.finished)
