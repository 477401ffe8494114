"""Jobs, one and many."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urljoin

import httpx

from benchmarks.hostile.sending import Outcome
from benchmarks.hostile.target import Target

ASYNC = {"Prefer": "respond-async"}
MANY = 80
LARGE: dict[str, Any] = {"n": 1024, "sampler": {"method": "euler", "steps": 2}}


class JobError(Exception):
    """A job does not come to its end."""


def begun(client: httpx.Client, body: dict[str, Any], outcome: Outcome) -> str:
    """Begin a job as soon as there is room for it; returns its path.

    Raises:
        JobError: It is refused for another reason than want of room.
    """
    while True:
        answer = client.post("/v1/generate", json=body, headers=ASYNC)
        outcome.count(answer.status_code, len(answer.content), (503, 507))
        if answer.status_code == 202:
            return urljoin(answer.url.path, answer.headers["location"])
        if answer.status_code not in (429, 503):
            raise JobError(answer.text)
        time.sleep(min(5.0, float(answer.headers["retry-after"])))


def ended(client: httpx.Client, body: dict[str, Any]) -> str:
    """Make a job and wait until all have ended; returns its path."""
    job = begun(client, body, Outcome())
    wait(client)
    return job


def wait(client: httpx.Client) -> None:
    """Wait until no job is under way."""
    under_way = {"queued", "running"}
    while any(job["state"] in under_way for job in listed(client)):
        time.sleep(0.2)


def listed(client: httpx.Client) -> list[dict[str, Any]]:
    """Return all jobs, without their results."""
    jobs: list[dict[str, Any]] = client.get("/v1/jobs?limit=100").raise_for_status().json()["jobs"]
    return jobs


def discard(client: httpx.Client) -> None:
    """End all jobs and drop their results."""
    for job in listed(client):
        client.delete(f"/v1/jobs/{job['id']}")


def many(target: Target) -> Outcome:
    """Eighty jobs of 1,024 samples, of which nobody takes the results."""
    outcome = Outcome()
    with target.client() as client:
        for _ in range(MANY):
            begun(client, LARGE, outcome)
        wait(client)
    return outcome.expect(202, 429, 503)
