"""The draws that calibrate a setting, made while nothing else runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sureflow.confidence.calibration import Calibration
from sureflow.confidence.recalibration import Recalibration
from sureflow.core.lane import Sample
from sureflow.core.setting import Setting
from sureflow_server.api.calibration_in_service import replace_calibration
from sureflow_server.api.idle_run import IdleRun
from sureflow_server.api.plan import Plan
from sureflow_server.service import Service


class CalibrationRun(IdleRun):
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
        super().__init__(plan, service)
        self.work, self.setting, self.draws = work, setting, draws
        self.made: Calibration | None = None
        self.kept = False
        self._scores: list[dict[str, float]] = []

    async def take(self, samples: Sequence[Sample]) -> None:
        """Keep the scores."""
        self._scores += [sample.scores for sample in samples]

    async def conclude(self) -> None:
        """Add what has been learned to the calibration in service."""
        gone = 0

        def learned(present: Calibration) -> Calibration:
            nonlocal gone
            self.work.calibration = present
            made = self.work.result(self._scores)
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
