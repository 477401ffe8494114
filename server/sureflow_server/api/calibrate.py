"""``POST /v1/models/{name}/calibrate``: its body, what it comes to, and its answer."""

from __future__ import annotations

import asyncio
from operator import attrgetter
from typing import Annotated, Any

from pydantic import Field

from sureflow.confidence.quantile_map import LIMIT
from sureflow.confidence.recalibration import Recalibration
from sureflow.core.condition import example_of
from sureflow.core.family import family_of
from sureflow.core.schema import Integer, Schema
from sureflow_server.api.answer import tail
from sureflow_server.api.calibration_in_service import calibration_in_service
from sureflow_server.api.calibration_run import CalibrationRun
from sureflow_server.api.family_part import deferred_part, read_part
from sureflow_server.api.plan import Plan
from sureflow_server.api.requests import Seed
from sureflow_server.api.resolve import card_of
from sureflow_server.engine.errors import ImpossibleError
from sureflow_server.service import Service

MAX_DRAWS = 20_000
EACH, ALONE = 600, 2000
"""Draws of every class, and of a model without classes, where nobody says how many."""


class CalibrateRequest(Schema):
    """A setting for which confidence shall be a share of samples."""

    sampler: Annotated[Any, deferred_part(attrgetter("sampler"))] = Field(default={})
    """As for `POST /v1/generate`."""

    guidance: Annotated[Any, deferred_part(attrgetter("guidance"))] = Field(default={})
    """As for `POST /v1/generate`, where its scale has tables of its own."""

    draws: Annotated[Integer, Field(ge=1, le=MAX_DRAWS)] | None = None
    """Samples to draw there, the classes, and no condition, taking turns; by default 600 of each,
    2000 of a model without classes. Confidence is told apart by class if there are enough."""

    seed: Seed | None = None
    """Of these draws; by default the one after that of the draws which the tables are made of."""


async def calibration_run(service: Service, name: str, body: CalibrateRequest) -> CalibrationRun:
    """Plan the draws that a request comes to.

    Raises:
        Problem: There is no such model, it cannot be sampled like this, it has no tables, or others
            than those in service.
        NotReadyError: The models are still being loaded.
    """
    card = card_of(name, service)
    family = family_of(card)
    sampler = read_part(family.sampler, body.sampler, "sampler")
    guidance = read_part(family.guidance, body.guidance, "guidance")
    lane = family.lane(card, 0, example_of(card), guidance, sampler)
    setting = family.setting(lane)
    known = await calibration_in_service(service.pool, card)
    usual = EACH * (len(card.classes) + 1) if card.classes else ALONE
    draws = usual if body.draws is None else body.draws
    seed = known.settings.get("seed", 0) + 1 if body.seed is None else body.seed
    try:
        if setting is None:
            raise ValueError("sampler: such lanes compare with nothing")
        work = Recalibration(known, card, [setting], draws, seed)
        lanes = await asyncio.to_thread(
            lambda: tuple(lane for one in work.counts for lane in work.lanes(one))
        )
    except ValueError as error:
        raise ImpossibleError(str(error)) from error
    plan = Plan("calibrate", card, seed, lanes)
    return CalibrationRun(plan, service, work, setting, draws)


def calibration(run: CalibrationRun) -> dict[str, Any]:
    """Return the answer, the schema being ``CalibrationResponse``."""
    made, plan = run.made, run.plan
    assert made is not None
    of_setting = [each for each in made.measured.of if each.setting == run.setting]
    error = next(each.error for each in of_setting if each.between is None)
    checks = [
        {"setting": each.setting.record(), "error": dict(each.error)}
        for each in made.measured.of
        if each.between is not None and each.setting in run.work.counts
    ]
    return {
        "model": plan.card.name,
        "model_version": plan.card.version,
        "setting": run.setting.record(),
        "draws": run.draws,
        "error": dict(error),
        "calibrated": sorted(name for name, wrong in error.items() if wrong <= LIMIT),
        "checks": checks,
        "kept": run.kept,
        **{name: each for name, each in tail(run).items() if name != "selection"},
    }
