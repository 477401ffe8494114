"""``POST /v1/models/{name}/review/refit``: what it comes to, and its answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from sureflow.confidence.recalibration import check_examples
from sureflow.core.family import family_of
from sureflow.evaluation.verdicts import VerdictLine, Verdicts
from sureflow_server.api.answer import tail
from sureflow_server.api.certified import tables_of
from sureflow_server.api.plan import Plan
from sureflow_server.api.problems import Problem
from sureflow_server.api.refit_record import RefitRequest
from sureflow_server.api.refit_run import RefitRun
from sureflow_server.api.resolve import card_of
from sureflow_server.engine.refit_process import RefitTask
from sureflow_server.service import Service
from sureflow_server.store import Verdict

MOST_VERDICTS = 20_000
"""Judged samples that a probe is fitted to; of more, those judged last."""

EACH, ALONE = 200, 2000
"""Reference draws of every class, and of a model without classes."""

PROBE = "probe"
"""Name of the score."""


async def refit_run(service: Service, name: str, body: RefitRequest) -> RefitRun:
    """Plan the samples that are to be made again.

    Raises:
        Problem: There is no such model, it can have no probe, the name is taken, or the verdicts
            are too few or all alike.
        NotReadyError: The models are still being loaded.
    """
    card = card_of(name, service)
    if PROBE not in family_of(card).scores:
        raise Problem("no-review", f"{name}: models of the family {card.family} have no probe")
    try:
        check_examples(card, {})
    except ValueError as error:
        raise Problem("no-review", f"{name}: {error}") from error
    folder = Path(service.pool.folder) / name
    new = _named(service, folder, body.name)
    said = await service.verdict_store.verdicts(name)
    verdicts = await asyncio.to_thread(lambda: Verdicts.of(_lines(said), card.version))
    try:
        verdicts.check()
    except ValueError as error:
        message = str(error).removeprefix("verdicts: ")
        raise Problem.field("verdicts", message, "too-few-verdicts") from error
    lanes, bad = verdicts.lanes[-MOST_VERDICTS:], verdicts.bad[-MOST_VERDICTS:]
    task = RefitTask(
        folder=folder,
        version=card.version,
        name=new,
        bad=tuple(bad),
        judge=_reviewers(said),
        bad_above=body.bad_above,
        draws=body.draws or (EACH if card.classes else ALONE),
        plugins=service.settings.plugins,
    )
    return RefitRun(Plan("refit", card, 0, tuple(lanes)), service, task)


def refit(run: RefitRun) -> dict[str, Any]:
    """Return the answer, the schema being ``RefitResponse``."""
    card, said = run.plan.card, tail(run)
    _, _, how = card.version.partition("+")
    version = f"{run.written['version']}+{how}" if how else run.written["version"]
    return {
        "model": card.name,
        "model_version": card.version,
        "name": run.task.name,
        **run.written,
        "score": run.written["score"] or card.calibrated.get("score", ""),
        "version": version,
        "certificates": len(tables_of(card)),
        "usage": said["usage"],
        "warnings": said["warnings"],
    }


def _named(service: Service, folder: Path, asked: str | None) -> str:
    """The name of the new version.

    Raises:
        Problem: There is such a model, or such a folder.
    """
    if asked is None:
        numbered = (f"{folder.name[:56]}-{number}" for number in count(2))
        return next(name for name in numbered if not _taken(service, folder, name))
    if _taken(service, folder, asked):
        raise Problem.field("name", f"{asked} is there already")
    return asked


def _taken(service: Service, folder: Path, name: str) -> bool:
    return name in service.pool.cards or folder.with_name(name).exists()


def _lines(verdicts: Sequence[Verdict]) -> Iterator[VerdictLine]:
    for verdict in verdicts:
        yield VerdictLine(
            model_version=verdict.model_version,
            sample=verdict.sample,
            bad=verdict.bad,
            recipe=json.loads(verdict.facts).get("recipe"),
        )


def _reviewers(verdicts: Sequence[Verdict]) -> str:
    """Who said it, as the settings of the probe have it."""
    count = len({verdict.reviewer for verdict in verdicts})
    return "review" if count == 1 else f"review of {count}"
