"""The draws that calibrate a setting, made while nothing else runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

from sureflow.confidence.calibration import Calibration, write
from sureflow.confidence.recalibration import Recalibration
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting
from sureflow_server.api.plan import Plan
from sureflow_server.api.run import Result, Run
from sureflow_server.engine.errors import DrainingError, NotReadyError, RequestFailedError
from sureflow_server.engine.job import Job
from sureflow_server.engine.messages import Finished, Progress, Started, Terms
from sureflow_server.engine.pool import Pool
from sureflow_server.engine.scheduler import IDLE
from sureflow_server.metrics import Metrics

log = logging.getLogger(__name__)

BATCH = 64
"""Lanes that the engine is given at a time, so that little is lost with a worker."""

AGAIN_S = 0.2
"""Until the next try, while a worker is being replaced."""

_concluding = asyncio.Lock()
"""What is learned of one setting is added to what has been learned of others."""


class CalibrationRun(Run):
    """Draws lanes in batches and, once all are there, puts a calibration into service.

    Args:
        plan: All the lanes.
        pool: Makes them.
        metrics: Counts the request.
        work: What they are for.
        setting: The setting that is calibrated.
        draws: How many of the lanes are of it.

    Attributes:
        made: The calibration, once there is one.
        kept: Whether it lies beside the checkpoint.
    """

    def __init__(
        self,
        plan: Plan,
        pool: Pool,
        metrics: Metrics,
        work: Recalibration,
        setting: Setting,
        draws: int,
    ) -> None:
        nothing = Job(0, plan.card, {}, False, lambda job: None, Terms(priority=IDLE))
        super().__init__(plan, nothing, metrics)
        self.work, self.setting, self.draws = work, setting, draws
        self.made: Calibration | None = None
        self.kept = False
        self._pool = pool
        self._evaluations = 0

    async def events(self) -> AsyncGenerator[Started | Progress | Result | None, None]:
        """Yield that it has begun, and None after every batch.

        Raises:
            EngineError: The lanes cannot be made, or the model is another one by now.
        """
        with self._metrics.request(self.plan.card.name, self.plan.kind) as outcome:
            outcome.name = "error"
            scores = []
            for first in range(0, len(self.plan.lanes), BATCH):
                scores += await self._drawn(self.plan.lanes[first : first + BATCH])
                self.done = len(scores)
                yield None if first else Started(0)
            await self._conclude(scores)
            outcome.name = "ok"

    def usage(self) -> dict[str, Any]:
        """Return what the draws cost, as a JSON object."""
        return {**super().usage(), "evaluations": self._evaluations}

    async def _drawn(self, lanes: Sequence[LaneSpec]) -> list[dict[str, float]]:
        """Scores of lanes, in their order."""
        found: dict[int, dict[str, float]] = {}
        while True:
            try:
                async with self._pool.submit(self.plan.card, lanes, idle=True) as job:
                    async for event in job:
                        if isinstance(event, Finished):
                            found[event.lane] = event.sample.scores
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

    async def _conclude(self, scores: list[dict[str, float]]) -> None:
        """Add what has been learned to the calibration in service."""
        name, work = self.plan.card.name, self.work
        async with _concluding:
            present = await asyncio.to_thread(self._pool.calibration_of, name)
            work.calibration = await asyncio.to_thread(Calibration.decode, present)
            made = await asyncio.to_thread(work.result, scores)
            data = await asyncio.to_thread(made.encode)
            try:
                await asyncio.to_thread(write, self._pool.calibration_file(name), data)
                self.kept = True
            except OSError as error:
                log.warning("the calibration of %s is in memory alone: %s", name, error)
                reason = f"the folder of the model cannot be written: {error.strerror}"
                self.warnings.append(f"{reason}; the calibration is gone when the server ends")
            card = await self._pool.recalibrate(name, data, not self.kept)
            self.plan = replace(self.plan, card=card)
            self.made = made
