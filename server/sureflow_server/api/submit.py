"""From a plan to a request under way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import Request

from sureflow_server.api.access import administers, caller, owner
from sureflow_server.api.answer import facts
from sureflow_server.api.asked import asked_of
from sureflow_server.api.counted import count
from sureflow_server.api.encoded import claim_of
from sureflow_server.api.handle_options import ASKED, FINGERPRINT, REQUEST, keep
from sureflow_server.api.plan import Kind, Plan
from sureflow_server.api.problems import Problem
from sureflow_server.api.remembered import remembered
from sureflow_server.api.run import Result, Run
from sureflow_server.engine.errors import TooManySamplesError
from sureflow_server.served import COUNTS_FOR
from sureflow_server.service import Service

COUNTED: dict[Kind, str] = {
    "generate": "n",
    "edit": "branches",
    "invert": "samples",
    "calibrate": "draws",
    "refit": "verdicts",
}
"""The field that says how many samples are to be made."""


async def submit(request: Request, planned: Plan, *, progress: bool = False) -> Run:
    """Hand a planned request to the engine, on the terms of who sent it.

    Raises:
        EngineError: It is refused.
        Problem: The key never allows so many samples; names the field. There is no room for the
            answer.
    """
    service, maker = Service.of(request), caller(request)
    made_by: dict[str, Any] = {REQUEST: request.state.request_id}
    if planned.handles is not None:  # which alone tell it
        made_by[ASKED] = await asked_of(request, planned)
    # The request may be large, and the run is kept.
    planned = replace(planned, asked=None, traced=administers(request))
    claim_of(request).take(planned.answer_bytes)
    try:
        async with service.accounts.claim(request.state.key, len(planned.lanes)) as account:
            job = service.pool.submit(
                planned.card,
                planned.lanes,
                progress=progress,
                owner=owner(request),
                account=account,
                priority=planned.priority,
                deadline_s=planned.deadline_s,
                follow=planned.follow,
                halving=planned.halving,
                rounds=planned.rounds,
            )
    except TooManySamplesError as error:
        raise Problem.field(COUNTED[planned.kind], str(error), "too-many-samples") from error

    async def remember(run: Run) -> None:
        found = await remembered(run)
        await count(service.exposure, planned, found)
        for sample in [result.sample for result in run.results]:
            served = found.get(sample.spec.index)
            if served is not None and COUNTS_FOR in served.facts:
                service.standing.offer(served, sample)
        service.served.add(maker, request.state.request_id, found)

    if planned.handles is None:
        return Run(planned, job, service.metrics, on_end=remember, judges=service.judges)

    async def give_handle(result: Result) -> dict[str, Any] | None:
        card, kept = planned.card, planned.handles
        assert kept is not None
        said = facts(result, planned)
        fingerprint = card.numerics.get(FINGERPRINT, "") if planned.exact else ""
        model = card.name, card.version, fingerprint
        return await keep(service.store, result.sample, said, model, maker, made_by, kept)

    return Run(planned, job, service.metrics, give_handle, remember, service.judges)
