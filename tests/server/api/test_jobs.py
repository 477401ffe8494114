"""Requests that go on without their clients, on servers that really run."""

from __future__ import annotations

import os
import signal
from typing import Any

import httpx
import pytest
from httpx_sse import connect_sse

from sureflow_server.api.job_record import JobList
from tests.server.asking import ASYNC, begin, follow, look, place
from tests.server.conftest import Guarded
from tests.server.running import PATIENCE_S, Server, eventually

SMALL: dict[str, Any] = {"n": 3, "seed": 4, "sampler": {"steps": 5}}
LONG: dict[str, Any] = {"n": 3, "seed": 5, "sampler": {"method": "rk4", "steps": 300}}
ENDLESS: dict[str, Any] = {**LONG, "n": 900}
ENDED = ("completed", "failed", "cancelled")


def ended(server: Server, job: str) -> dict[str, Any]:
    eventually(lambda: look(server, job)["state"] in ENDED)
    return look(server, job)


def without_chance(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what is another every time."""
    usage = {name: answer["usage"][name] for name in ("evaluations", "evaluations_saved")}
    return {**answer, "id": None, "usage": usage}


def test_a_job_comes_to_the_answer_that_one_would_have_waited_for(server: Server) -> None:
    waited = server.generate(**SMALL)
    record = ended(server, begin(server, **SMALL))
    assert record["state"] == "completed"
    assert record["operation"] == "generate"
    assert record["progress"] == {"done": 3, "n": 3, "queue_position": None, "lanes": []}
    assert record["error"] is None
    assert record["created_at"] <= record["ended_at"] < record["expires_at"]
    assert without_chance(record["result"]) == without_chance(waited)


def test_edits_and_inversions_are_jobs_too(server: Server) -> None:
    made = server.generate(**{**SMALL, "n": 1}, rewind={"keep": "commit"})["samples"][0]
    edit = {
        "handle": made["handle"]["id"],
        "branches": 2,
        "seed": 9,
        "operations": [{"type": "resample", "strength": 1.0}],
    }
    waited = server.client.post("/v1/edit", json=edit)
    assert waited.status_code == 200, waited.text
    result = ended(server, begin(server, "/v1/edit", **edit))["result"]
    assert without_chance(result) == without_chance(waited.json())
    invert = {"samples": [[0.5, 1.5]], "sampler": {"steps": 10}}
    inverted = server.client.post("/v1/invert", json=invert).json()
    result = ended(server, begin(server, "/v1/invert", **invert))["result"]
    assert without_chance(result) == without_chance(inverted)


def test_a_job_survives_its_client(server: Server) -> None:
    with httpx.Client(base_url=server.url, timeout=PATIENCE_S) as client:
        job = place(client.post("/v1/generate", json=LONG, headers=ASYNC))
    with connect_sse(server.client, "GET", f"{job}/events") as source:
        assert next(source.iter_sse()).event == "queued"
    record = ended(server, job)
    assert record["state"] == "completed"
    assert record["result"]["samples"] == server.generate(**LONG)["samples"]


def test_progress_is_told(server: Server) -> None:
    job = begin(server, **LONG)
    eventually(lambda: any(lane["step"] > 1 for lane in look(server, job)["progress"]["lanes"]))
    record = look(server, job)
    if record["state"] == "running":
        assert record["progress"]["n"] == 3
        for lane in record["progress"]["lanes"]:
            assert lane["t"] == pytest.approx(lane["step"] / 300)
    assert ended(server, job)["progress"]["done"] == 3


def test_a_cancelled_job_frees_its_lanes(server: Server) -> None:
    job = begin(server, **ENDLESS)
    eventually(lambda: server.metric("sureflow_num_samples_running", model="points") > 0)
    assert server.client.delete(job).status_code == 204
    record = look(server, job)
    assert record["state"] == "cancelled"
    assert record["error"]["type"] == "urn:sureflow:problem:cancelled"
    assert record["error"]["instance"] == "/v1/generate"
    assert record["result"] is None
    eventually(lambda: server.metric("sureflow_num_samples_running") == 0)
    eventually(lambda: server.metric("sureflow_num_samples_waiting") == 0)
    assert follow(server, job)[-1].event == "error"
    assert server.client.delete(job).status_code == 204, "one that has ended is forgotten"
    assert server.client.get(job).status_code == 404


def test_whoever_follows_hears_everything_and_can_come_back(server: Server) -> None:
    job = begin(server, **LONG)
    live = follow(server, job)
    names = [event.event for event in live if event.event != "step"]
    assert names == ["queued", "started", "sample", "sample", "sample", "completed"]
    assert any(event.event == "step" for event in live)
    numbered = [event for event in live if event.event != "step"]
    assert [event.id for event in numbered] == [str(number) for number in range(6)]
    streamed = sorted((e.json() for e in numbered if e.event == "sample"), key=lambda s: s["index"])
    assert streamed == look(server, job)["result"]["samples"]
    told = [(event.id, event.data) for event in numbered]
    assert [(event.id, event.data) for event in follow(server, job)] == told
    for last in range(6):
        again = [(event.id, event.data) for event in follow(server, job, str(last))]
        assert again == told[last + 1 :]
    for odd in ("", "x", "-1", "9" * 50):
        assert len(follow(server, job, odd)) == 6


def test_who_is_before_is_told(server: Server) -> None:
    """While nothing starts and an owner's requests are in their order, the third waits for two."""
    os.kill(server.worker_pid, signal.SIGSTOP)
    try:
        jobs = [begin(server, **SMALL) for _ in range(3)]
        positions = [look(server, job)["progress"]["queue_position"] for job in jobs]
        assert positions == [0, 1, 2]
        urgent = begin(server, **SMALL, priority=5)
        assert look(server, urgent)["progress"]["queue_position"] == 0
        assert look(server, jobs[0])["progress"]["queue_position"] == 1
    finally:
        os.kill(server.worker_pid, signal.SIGCONT)
    assert all(ended(server, job)["state"] == "completed" for job in jobs)


def test_a_job_of_another_is_none(guarded: Guarded) -> None:
    made = guarded.request(
        "POST", "/v1/generate", guarded.tokens["generate"], json=SMALL, headers=ASYNC
    )
    job = place(made)
    for name, status in (("generate", 200), ("all", 404), ("edit", 404), ("admin", 404)):
        assert guarded.request("GET", job, guarded.tokens[name]).status_code == status
        events = guarded.request("GET", f"{job}/events", guarded.tokens[name])
        assert events.status_code == status
        if status != 200:
            refused = guarded.request("DELETE", job, guarded.tokens[name])
            assert refused.status_code == status
    assert guarded.request("GET", job, None).status_code == 401
    response = guarded.request("GET", job, guarded.tokens["all"])
    assert response.json()["type"] == "urn:sureflow:problem:unknown-job"
    assert guarded.request("DELETE", job, guarded.tokens["generate"]).status_code == 204


def test_jobs_are_listed_newest_first_without_their_results(server: Server) -> None:
    jobs = [begin(server, **SMALL) for _ in range(3)]
    records = [ended(server, job) for job in jobs]
    content = server.client.get("/v1/jobs").content
    JobList.model_validate_json(content)
    listed = server.client.get("/v1/jobs", params={"limit": 3}).json()["jobs"]
    assert [each["id"] for each in listed] == [record["id"] for record in reversed(records)]
    for short, whole in zip(listed, reversed(records), strict=True):
        assert short["progress"] == {"done": 3, "n": 3}
        assert {**whole, "progress": short["progress"]} == {**short, "result": whole["result"]}
    assert server.client.get("/v1/jobs", params={"limit": 0}).status_code == 422


def test_only_own_jobs_are_listed(guarded: Guarded) -> None:
    made = guarded.request(
        "POST", "/v1/generate", guarded.tokens["generate"], json=SMALL, headers=ASYNC
    )
    for name, mine in (("generate", True), ("all", False), ("edit", False)):
        listed = guarded.request("GET", "/v1/jobs", guarded.tokens[name]).json()["jobs"]
        assert (made.json()["id"] in {each["id"] for each in listed}) == mine


def test_an_idempotency_key_makes_one_job(server: Server) -> None:
    headers = {**ASYNC, "Idempotency-Key": "job-1"}
    first, second = (
        server.client.post("/v1/generate", json=SMALL, headers=headers) for _ in range(2)
    )
    assert place(first) == place(second)
    assert second.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Prefer": "wait=5, Respond-Async; foo=1"}, 202),
        ({"Prefer": "return=minimal"}, 200),
        ({**ASYNC, "Accept": "application/x-safetensors"}, 200),
    ],
    ids=str,
)
def test_only_answers_in_json_are_jobs(
    server: Server, headers: dict[str, str], status: int
) -> None:
    assert server.client.post("/v1/generate", json=SMALL, headers=headers).status_code == status


def test_what_is_refused_makes_no_job(server: Server) -> None:
    response = server.client.post("/v1/generate", json={"n": 0}, headers=ASYNC)
    assert response.status_code == 422
    assert server.client.get("/v1/jobs/job_0").status_code == 404
