"""How clients ask for jobs, and after them."""

from __future__ import annotations

from typing import Any

import httpx
from httpx_sse import connect_sse

from sureflow_server.api.job_record import JobRecord
from tests.server.running import Server

ASYNC = {"Prefer": "respond-async"}


def begin(server: Server, path: str = "/v1/generate", **body: Any) -> str:
    """Make a job; returns where to ask for it."""
    response = server.client.post(path, json=body, headers=ASYNC)
    assert response.status_code == 202, response.text
    assert response.headers["preference-applied"] == "respond-async"
    record = response.json()
    assert place(response) == f"/v1/jobs/{record['id']}"
    assert record["state"] in ("queued", "running")
    return place(response)


def place(response: httpx.Response) -> str:
    """Where an answer says that its job is."""
    return str(response.headers["location"])


def refusal(response: Any, status: int, kind: str) -> dict[str, Any]:
    """The problem document of an answer, which must have this status and be of this kind."""
    assert response.status_code == status, response.text
    document: dict[str, Any] = response.json()
    assert document["type"] == f"urn:sureflow:problem:{kind}"
    return document


def look(server: Server, job: str) -> dict[str, Any]:
    """How a job stands."""
    response = server.client.get(job)
    assert response.status_code == 200, response.text
    JobRecord.model_validate_json(response.content)
    record: dict[str, Any] = response.json()
    return record


def follow(server: Server, job: str, last: str | None = None) -> list[Any]:
    """All that happens to it, after the event that was last heard of."""
    headers = {} if last is None else {"Last-Event-ID": last}
    with connect_sse(server.client, "GET", f"{job}/events", headers=headers) as source:
        # a heartbeat has no data
        return [event for event in source.iter_sse() if event.data]
