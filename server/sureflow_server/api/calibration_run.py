"""The draws that calibrate a setting, made while nothing else runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

from sureflow.confidence.calibration import Calibration
from sureflow.confidence.recalibration import Recalibration
from sureflow.core.lane import LaneSpec
from sureflow.core.setting import Setting
from sureflow_server.api.calibration_in_service import replace_calibration
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


class CalibrationRun(Run):
    """Draws lanes in batches and, once all are there, puts a calibration into service.

    The lanes of the plan are ``draws`` of the setting, and others at which the ranges around it are
    tried.

    Attributes:
        made: The calibration, once there is one.
        kept: Whether it lies beside the checkpoint.
    """

    def __init__(
        self,
        plan: Plan,
        service: Service,
        work: Recalibration,
        setting: Setting,
        draws: int,
    ) -> None:
        nothing = Job(0, plan.card, {}, False, lambda job: None, Terms(priority=IDLE))
        super().__init__(plan, nothing, service.metrics)
        self.work, self.setting, self.draws = work, setting, draws
        self.made: Calibration | None = None
        self.kept = False
        self._service, self._pool = service, service.pool
        self._evaluations = 0

    async def events(self) -> AsyncGenerator[Started | Progress | Result | None, None]:
        """Yield that it has begun, and None after every batch.

        Raises:
            EngineError: The lanes cannot be made, or the model is another one by now.
        """
        with self._metrics.request(self.plan.card.name, self.plan.kind):
            scores = []
            for first in range(0, len(self.plan.lanes), BATCH):
                scores += await self._drawn(self.plan.lanes[first : first + BATCH])
                self.done = len(scores)
                yield None if first else Started(0)
            await self._conclude(scores)

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
        gone = 0

        def learned(present: Calibration) -> Calibration:
            nonlocal gone
            self.work.calibration = present
            made = self.work.result(scores)
            gone = len(present.certificates) - len(made.certificates)
            return made

        name, store = self.plan.card.name, self._service.verdict_store
        done = await replace_calibration(self._pool, store, name, learned)
        self.kept = done.kept
        if done.warning is not None:
            self.warnings.append(done.warning)
        if gone:
            self.warnings.append(
                f"certificates gone: {gone}, since confidence there is another now"
            )
        self.plan = replace(self.plan, card=done.card)
        self.made = done.made
