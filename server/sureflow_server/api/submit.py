"""From a plan to a request under way."""

from __future__ import annotations

from fastapi import Request

from sureflow_server.api.access import owner
from sureflow_server.api.plan import Plan
from sureflow_server.api.run import Run
from sureflow_server.service import Service


def submit(request: Request, planned: Plan, *, progress: bool = False) -> Run:
    """Hand a planned request to the engine, on the terms of who sent it.

    Raises:
        EngineError: It is refused.
    """
    service = Service.of(request)
    job = service.pool.submit(
        planned.card,
        planned.lanes,
        progress=progress,
        owner=owner(request),
        account=service.account(request.state.key),
        priority=planned.priority,
        deadline_s=planned.deadline_s,
        follow=planned.follow,
    )
    return Run(planned, job, service.metrics)
