"""Requests in the background, by both clients against a server that really runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from sureflow_client import (
    APIConnectionError,
    APITimeoutError,
    Client,
    Completed,
    DeadlineExceeded,
    EditResult,
    JobCancelled,
    MissingData,
    Resample,
    Result,
    Retry,
    SampleEvent,
    UnknownJob,
)
from sureflow_client._job import Job
from sureflow_client._progress import ProgressBar
from tests.server.running import eventually

Connect = Callable[..., Client]
Answering = Callable[..., Client]
LONG: dict[str, Any] = {"seed": 7, "steps": 1000}


@pytest.fixture
def client(connect: Connect, server: str) -> Client:
    return connect(server)


def test_a_job_survives_its_client(connect: Connect, client: Client, server: str) -> None:
    other = connect(server)
    job = other.jobs.generate("ring", 2, seed=7, steps=20)
    assert (job.operation, job.model, job.ended, job.result) == ("generate", "ring", False, None)
    result = client.jobs.wait(job.id)
    assert type(result) is Result
    waited = client.generate("ring", 2, seed=7, steps=20)
    assert result.array().tobytes() == waited.array().tobytes()
    known = client.jobs.get(job)
    assert (known.state, known.progress.done, known.progress.share) == ("completed", 2, 1.0)
    assert known.ended
    assert known.outcome() == result


def test_an_edit_and_an_inversion_in_the_background(client: Client) -> None:
    (sample,) = client.generate("ring", seed=7, steps=4, rewind="all")
    edited = client.jobs.wait(client.jobs.edit(sample, Resample(), branches=2, seed=1))
    assert isinstance(edited, EditResult)
    assert edited.original.array().tobytes() == sample.array().tobytes()
    inverted = client.jobs.wait(client.jobs.invert(sample.array()[None], "ring"))
    assert inverted[0].inversion_error is not None


def test_one_that_runs_is_looked_at_and_cancelled(client: Client) -> None:
    job = client.jobs.generate("ring", 64, **LONG)
    eventually(lambda: any(lane.step > 1 for lane in client.jobs.get(job).progress.lanes))
    known = client.jobs.get(job)
    assert known.state == "running"
    assert 0 < known.progress.share < 1
    with pytest.raises(MissingData, match="running"):
        known.outcome()
    assert client.jobs.list(1)[0].id == job.id
    with pytest.raises(APITimeoutError, match="goes on"):
        client.jobs.wait(job, timeout=0.1)
    client.jobs.cancel(job)
    assert client.jobs.get(job).state == "cancelled"
    with pytest.raises(JobCancelled):
        client.jobs.wait(job)
    with pytest.raises(JobCancelled):
        list(client.jobs.events(job))
    client.jobs.cancel(job)
    for ask in (client.jobs.get, client.jobs.wait, client.jobs.cancel):
        with pytest.raises(UnknownJob):
            ask(job)
    with pytest.raises(UnknownJob):
        list(client.jobs.events(job))


def test_whoever_stops_following_does_not_cancel(client: Client) -> None:
    job = client.jobs.generate("ring", 2, seed=7, steps=100)
    events = client.jobs.events(job)
    next(events)
    events.close()
    assert len(client.jobs.wait(job)) == 2


def event(number: int | None, name: str, data: dict[str, Any]) -> str:
    id = "" if number is None else f"id: {number}\n"
    return f"event: {name}\n{id}data: {json.dumps(data)}\n\n"


@pytest.fixture
def script(sample_document: Callable[..., dict[str, Any]]) -> list[str]:
    """What a server tells of a job of two samples."""
    opening = {"id": "req_1", "model": "ring", "model_version": "v", "seed": 7, "n": 2}
    usage = {"evaluations": 2, "evaluations_saved": 0, "queue_s": 0.0, "compute_s": 0.0}
    return [
        event(0, "queued", opening),
        event(1, "started", {"n": 2}),
        event(None, "step", {"index": 1, "step": 3, "t": 0.5}),
        event(2, "sample", sample_document(1)),
        event(3, "sample", sample_document(0)),
        event(4, "completed", {**opening, "usage": usage, "warnings": []}),
    ]


class Breaking:
    """Tells a script, and breaks off after so many events of it at each time."""

    def __init__(self, script: list[str], *breaks: int) -> None:
        self.script = script
        self.breaks = list(breaks)
        self.asked: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        last = request.headers.get("Last-Event-ID")
        self.asked.append(last)
        known = (
            -1
            if last is None
            else next(place for place, text in enumerate(self.script) if f"id: {last}\n" in text)
        )
        rest = self.script[known + 1 :]
        sent = rest[: self.breaks.pop(0)] if self.breaks else rest
        headers = {"Content-Type": "text/event-stream"}
        return httpx.Response(200, text="".join(sent), headers=headers)


def test_events_go_on_where_a_connection_broke(answering: Answering, script: list[str]) -> None:
    server = Breaking(script, 3, 1, 2)
    events = list(answering(server, retry=Retry(backoff=0.001)).jobs.events("job_1"))
    assert server.asked == [None, "1", "1", "2"]
    assert [e.sample.index for e in events if isinstance(e, SampleEvent)] == [1, 0]
    assert isinstance(events[-1], Completed)


def test_a_connection_that_brings_nothing_is_given_up(
    answering: Answering, script: list[str]
) -> None:
    server = Breaking(script, 2, 0)
    with pytest.raises(APIConnectionError, match="ended before"):
        list(answering(server, retry=Retry(backoff=0.001)).jobs.events("job_1"))
    assert server.asked == [None, "1"]
    server = Breaking(script, 2)
    with pytest.raises(APIConnectionError, match="ended before"):
        list(answering(server, retry=Retry(attempts=0)).jobs.events("job_1"))
    assert server.asked == [None]


def record(**members: Any) -> dict[str, Any]:
    return {
        "id": "job_1",
        "operation": "generate",
        "state": "running",
        "model": "ring",
        "model_version": "v",
        "created_at": "2026-01-02T03:04:05Z",
        "ended_at": None,
        "expires_at": None,
        "progress": {"done": 1, "n": 4, "queue_position": None, "lanes": []},
        "result": None,
        "error": None,
        **members,
    }


def test_why_a_job_failed_is_raised(answering: Answering) -> None:
    problem = {"type": "urn:sureflow:problem:deadline-exceeded", "status": 504, "title": "Late"}
    ended = record(state="failed", ended_at="2026-01-02T03:04:06Z", error=problem)
    answers = [record(), ended]
    client = answering(lambda request: httpx.Response(200, json=answers.pop(0)))
    with pytest.raises(DeadlineExceeded, match="Late"):
        client.jobs.wait("job_1")
    assert answers == []


def test_progress_of_a_job_is_drawn(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sureflow_client._progress._watched", lambda: True)
    lanes = [{"index": 1, "step": 5, "t": 0.5}, {"index": 2, "step": 5, "t": 0.5}]
    progress = {"done": 1, "n": 4, "queue_position": None, "lanes": lanes}
    bar = ProgressBar(True)
    waiting = {**progress, "done": 0, "lanes": [], "queue_position": 2}
    bar.show(Job.model_validate(record(state="queued", progress=waiting)))
    bar.show(Job.model_validate(record(progress=progress)))
    bar.close()
    drawn = capsys.readouterr().err
    assert "ring: queued, 2 before it, 0 made   0%" in drawn
    assert "ring: running, 1 made  50%" in drawn
