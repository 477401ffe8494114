"""Two server processes over one Redis, as their clients see them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from httpx_sse import connect_sse

from sureflow_server.api.job_record import JobList
from tests.server.api.test_edit import edit, icon, same
from tests.server.asking import ASYNC, follow, look, place, refusal
from tests.server.conftest import Guarded
from tests.server.replicas.pair import Pair
from tests.server.running import PATIENCE_S, Server, eventually, serving

SMALL: dict[str, Any] = {"n": 3, "seed": 4, "sampler": {"steps": 5}}
LONG: dict[str, Any] = {"n": 3, "seed": 5, "sampler": {"method": "rk4", "steps": 300}}
ENDLESS: dict[str, Any] = {**LONG, "n": 900}


def begin(server: Server, headers: dict[str, str] | None = None, **body: Any) -> str:
    made = server.client.post("/v1/generate", json=body, headers={**ASYNC, **(headers or {})})
    assert made.status_code == 202, made.text
    return place(made)


def test_what_one_made_the_other_edits_to_the_same_bytes(pair: Pair) -> None:
    one, two = pair.one.server, pair.two.server
    made = one.generate(**SMALL, rewind={"keep": "commit"})["samples"]
    for sample in made:
        edit = {"handle": sample["handle"]["id"]}
        edited = two.client.post("/v1/edit", json=edit)
        assert edited.status_code == 200, edited.text
        assert edited.json()["samples"][0]["data"] == sample["data"]


def test_a_job_is_followed_and_fetched_at_the_other(pair: Pair) -> None:
    one, two = pair.one.server, pair.two.server
    waited = one.generate(**LONG)
    job = begin(one, **LONG)
    first = look(two, job)
    assert first["state"] in ("queued", "running")
    live = follow(two, job)
    names = [event.event for event in live if event.event != "step"]
    assert names == ["queued", "started", "sample", "sample", "sample", "completed"]
    record = look(two, job)
    assert record["state"] == "completed"
    assert record["progress"] == {"done": 3, "n": 3, "queue_position": None, "lanes": []}
    assert record["result"]["samples"] == waited["samples"]
    assert record == look(one, job), "where it ran it is no other"
    numbered = [(event.id, event.data) for event in live if event.event != "step"]
    for server in (one, two):
        for last in (None, "0", "3", "5"):
            again = [(event.id, event.data) for event in follow(server, job, last)]
            assert again == numbered[0 if last is None else int(last) + 1 :]
    assert two.client.delete(job).status_code == 204
    for server in (one, two):
        assert server.client.get(job).status_code == 404


def test_progress_is_told_to_the_other(pair: Pair) -> None:
    one, two = pair.one.server, pair.two.server
    job = begin(one, **{**ENDLESS, "n": 30})
    eventually(lambda: any(lane["step"] > 1 for lane in look(two, job)["progress"]["lanes"]))
    with connect_sse(two.client, "GET", f"{job}/events") as source:
        steps = [event for event, _ in zip(source.iter_sse(), range(20), strict=False)]
    assert any(event.event == "step" for event in steps)
    assert two.client.delete(job).status_code == 204


def test_a_job_is_cancelled_at_the_other(pair: Pair) -> None:
    one, two = pair.one.server, pair.two.server
    job = begin(one, **ENDLESS)
    eventually(lambda: one.metric("sureflow_num_samples_running", model="points") > 0)
    assert two.client.delete(job).status_code == 204
    for server in (two, one):
        record = look(server, job)
        assert record["state"] == "cancelled"
        assert record["error"]["type"] == "urn:sureflow:problem:cancelled"
    eventually(lambda: one.metric("sureflow_num_samples_running") == 0)
    assert one.client.delete(job).status_code == 204
    assert two.client.get(job).status_code == 404


def test_a_job_that_is_cancelled_where_it_runs_is_cancelled_at_the_other(pair: Pair) -> None:
    one, two = pair.one.server, pair.two.server
    for _ in range(5):
        job = begin(one, **ENDLESS)
        assert one.client.delete(job).status_code == 204
        assert look(two, job)["state"] == "cancelled"


def test_a_job_of_another_key_is_none_at_the_other(pair: Pair) -> None:
    mine, theirs = pair.key(), pair.key()
    made = pair.one.request("POST", "/v1/generate", mine, json=ENDLESS, headers=ASYNC)
    job = place(made)
    for method, path in (("GET", job), ("DELETE", job), ("GET", f"{job}/events")):
        assert pair.two.request(method, path, theirs).status_code == 404
    assert pair.two.request("GET", job, mine).json()["state"] in ("queued", "running")
    assert pair.two.request("DELETE", job, mine).status_code == 204


def test_jobs_of_both_are_listed_by_both(pair: Pair) -> None:
    mine, theirs = pair.key(), pair.key()
    made = []
    for each in (pair.one, pair.two, pair.one):
        answer = each.request("POST", "/v1/generate", mine, json=SMALL, headers=ASYNC)
        made.append(answer.json()["id"])
        eventually(lambda: look_as(pair.one, made[-1], mine)["state"] == "completed")
    running = pair.two.request("POST", "/v1/generate", mine, json=ENDLESS, headers=ASYNC)
    made.append(running.json()["id"])
    for each in (pair.one, pair.two):
        answer = each.request("GET", "/v1/jobs", mine)
        JobList.model_validate_json(answer.content)
        jobs = answer.json()["jobs"]
        assert [job["id"] for job in jobs] == made[::-1]
        assert [job["state"] for job in jobs[1:]] == ["completed"] * 3
        assert [job["progress"] for job in jobs[1:]] == [{"done": 3, "n": 3}] * 3
        assert jobs[0]["state"] in ("queued", "running")
        assert all("result" not in job for job in jobs)
        few = each.request("GET", "/v1/jobs?limit=2", mine).json()["jobs"]
        assert [job["id"] for job in few] == made[:1:-1]
        assert each.request("GET", "/v1/jobs", theirs).json() == {"jobs": []}
    for id in (made[3], made[3], made[0]):  # to cancel one, and to forget two
        assert pair.one.request("DELETE", f"/v1/jobs/{id}", mine).status_code == 204
    for each in (pair.one, pair.two):
        jobs = each.request("GET", "/v1/jobs", mine).json()["jobs"]
        assert [job["id"] for job in jobs] == [made[2], made[1]]


def look_as(server: Guarded, id: str, key: str) -> dict[str, Any]:
    record: dict[str, Any] = server.request("GET", f"/v1/jobs/{id}", key).json()
    return record


def test_the_same_key_gives_the_first_answer(pair: Pair) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    first, second = (
        each.server.client.post("/v1/generate", json={"n": 2}, headers=headers)
        for each in (pair.one, pair.two)
    )
    assert first.status_code == second.status_code == 200
    assert first.content == second.content, "the seed was drawn, so this was no second run"
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    other = pair.two.server.client.post("/v1/generate", json={"n": 3}, headers=headers)
    assert other.json()["type"] == "urn:sureflow:problem:idempotency-key-reuse"


def test_the_same_key_at_the_same_time_is_done_once(pair: Pair) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    servers = [pair.one.server, pair.two.server] * 4
    before = sum(server.metric("sureflow_requests_total") for server in servers[:2])

    def ask(server: Server) -> httpx.Response:
        return server.client.post("/v1/generate", json={**LONG, "seed": None}, headers=headers)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, servers))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum(server.metric("sureflow_requests_total") for server in servers[:2]) == before + 1


def test_an_idempotency_key_makes_one_job(pair: Pair) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    jobs = [begin(each.server, headers, **SMALL) for each in (pair.one, pair.two, pair.one)]
    assert len(set(jobs)) == 1
    eventually(lambda: look(pair.two.server, jobs[0])["state"] == "completed")


def test_a_quota_counts_both(pair: Pair) -> None:
    key = pair.key(max_samples_in_flight=5)
    os.kill(pair.one.server.worker_pid, signal.SIGSTOP)
    try:
        job = pair.one.request("POST", "/v1/generate", key, json={"n": 1}, headers=ASYNC)
        refused = pair.two.request("POST", "/v1/generate", key, json={"n": 5})
        assert refused.status_code == 429
        assert refused.json()["type"] == "urn:sureflow:problem:quota-exceeded"
        assert job.status_code == 202
    finally:
        os.kill(pair.one.server.worker_pid, signal.SIGCONT)
    asked = {"n": 5, "sampler": {"steps": 2}}
    eventually(lambda: pair.two.request("POST", "/v1/generate", key, json=asked).status_code == 200)
    for each in (pair.one, pair.two) * 5:
        assert each.request("POST", "/v1/generate", key, json=asked).status_code == 200, (
            "free again"
        )


def test_a_rate_counts_both(pair: Pair) -> None:
    key = pair.key(samples_per_minute=0.06)
    body = {"n": 1, "sampler": {"steps": 2}}
    assert pair.one.request("POST", "/v1/generate", key, json=body).status_code == 200
    for each in (pair.two, pair.one):
        refused = each.request("POST", "/v1/generate", key, json=body)
        assert refused.status_code == 429
        assert refused.json()["type"] == "urn:sureflow:problem:rate-exceeded"
        assert 900 < int(refused.headers["retry-after"]) <= 1000


@pytest.mark.slow
def test_a_dead_server_holds_nothing(pair: Pair, models_dir: Path) -> None:
    """Its samples are not counted, its keys are free and its jobs have failed."""
    key = pair.key(max_samples_in_flight=5)
    headers = {"Idempotency-Key": uuid4().hex}
    options = ("--models-dir", str(models_dir), "--default-model", "points")
    shared = ("--store", pair.redis.url, "--api-keys-file", str(pair.file))
    with serving(*options, *shared) as doomed, ThreadPoolExecutor(1) as threads:
        third = Guarded(doomed, pair.file, {})
        with closing(third):
            made = third.request("POST", "/v1/generate", key, json={**LONG, "n": 4}, headers=ASYNC)
            os.kill(doomed.worker_pid, signal.SIGSTOP)
            threads.submit(
                third.request, "POST", "/v1/generate", key, json={"n": 1, "seed": 9},
                headers=headers,
            )  # fmt: skip
            eventually(lambda: refused(pair.two, key))
            worker = doomed.worker_pid
            doomed.process.kill()
            doomed.process.wait()
            os.kill(worker, signal.SIGKILL)
    again = pair.one.request("POST", "/v1/generate", key, json={"n": 1, "seed": 9}, headers=headers)
    eventually(lambda: not refused(pair.two, key))
    if again.status_code == 429:
        again = pair.one.request(
            "POST", "/v1/generate", key, json={"n": 1, "seed": 9}, headers=headers
        )
    assert again.status_code == 200
    assert "idempotency-replayed" not in again.headers
    job = place(made)
    record = pair.two.request("GET", job, key).json()
    assert record["state"] == "failed"
    assert record["error"]["type"] == "urn:sureflow:problem:request-failed"
    (listed,) = pair.two.request("GET", "/v1/jobs", key).json()["jobs"]
    assert (listed["id"], listed["state"]) == (record["id"], "failed")
    with connect_sse(
        pair.one._client, "GET", f"{job}/events", headers={"Authorization": f"Bearer {key}"}
    ) as source:
        assert [event.event for event in source.iter_sse()][-1] == "error"
    assert pair.one.request("DELETE", job, key).status_code == 204
    assert pair.two.request("GET", job, key).status_code == 404


def refused(server: Guarded, key: str) -> bool:
    body = {"n": 5, "sampler": {"steps": 2}}
    return server.request("POST", "/v1/generate", key, json=body).status_code == 429


@pytest.mark.slow
def test_sigterm_hands_results_to_the_other(pair: Pair, start: Callable[..., Server]) -> None:
    ending = start(
        "--default-model", "points", "--store", pair.redis.url, "--api-keys-file", str(pair.file)
    )
    ending.client.headers.update(pair.one.server.client.headers)
    job = begin(ending, **LONG)
    ending.process.terminate()
    assert ending.process.wait(PATIENCE_S) == 0
    assert look(pair.two.server, job)["state"] == "completed"


def test_without_the_store_samples_are_made(pair: Pair) -> None:
    server, redis = pair.one.server, pair.redis
    first = icon(server)
    redis.kill()
    try:
        looked_for_in_vain(server, first["handle"]["id"])
    finally:
        redis.start()
    assert same(edit(server, first)["samples"][0], first)
    eventually(lambda: pair.two.server.client.get("/v1/jobs").status_code == 200)


def looked_for_in_vain(server: Server, id: str) -> None:
    answer = server.generate(n=8, rewind={"keep": "all"})
    assert [sample["handle"] for sample in answer["samples"]] == [None] * 8
    assert answer["warnings"] == ["no handle could be kept: the store cannot be reached at present"]
    asked: list[httpx.Response] = [
        server.client.get("/v1/handles"),
        server.client.get(f"/v1/handles/{id}"),
        server.client.get(f"/v1/handles/{id}/frames"),
        server.client.delete(f"/v1/handles/{id}"),
        server.client.post("/v1/edit", json={"handle": id}),
    ]
    for response in asked:
        refusal(response, 503, "store-unavailable")
        assert "sureflow-redis" not in response.text, "where the store is, is for the log"
        assert int(response.headers["retry-after"]) >= 1
    inverted = server.client.post("/v1/invert", json={"samples": [[0, 1]], "rewind": {}})
    assert inverted.status_code == 200
    assert inverted.json()["warnings"] == answer["warnings"]
    assert server.client.get("/health/ready").status_code == 200


def test_frames_that_somebody_else_wrote_are_made_again(pair: Pair) -> None:
    """In Redis there is no checksum to tell; what is no frame at all is not believed."""
    server, client = pair.one.server, pair.redis.client()
    first = icon(server, seed=7, sampler={"steps": 30}, rewind={"keep": "all"})
    (key,) = client.scan_iter(f"*frames:{first['handle']['id']}*")
    for step, frame in client.hgetall(key).items():
        client.hset(key, step, b"\xff" * len(frame))
    assert same(edit(server, first, at={"t": 0.5})["samples"][0], first)
    assert not any("Traceback" in line for line in server.log)


def test_redis_gone_and_back(pair: Pair) -> None:
    """What is refused: handles, and jobs of others. What goes on: all else, at each by itself."""
    one, two = pair.one.server, pair.two.server
    key = pair.key(max_samples_in_flight=4, samples_per_minute=6000)
    handle = one.generate(**SMALL, rewind={})["samples"][0]["handle"]["id"]
    old = begin(one, **SMALL)
    # Redis may just have come back, which servers notice at their next beat.
    eventually(lambda: two.client.get(old).status_code == 200)
    eventually(lambda: look(two, old)["state"] == "completed")
    running = begin(one, **ENDLESS)
    pair.redis.kill()
    try:
        for each in (pair.one, pair.two):
            assert each.server.client.get("/health/ready").status_code == 200
            assert each.server.generate(**SMALL)["samples"]
            for n, status in ((4, 200), (5, 422)):
                body = {"n": n, "sampler": {"steps": 2}}
                answer = each.request("POST", "/v1/generate", key, json=body)
                assert answer.status_code == status, answer.text
            headers = {"Idempotency-Key": f"gone {n}".replace(" ", "-")}
            twice = [
                each.server.client.post("/v1/generate", json=SMALL, headers=headers)
                for _ in range(2)
            ]
            assert twice[1].headers["idempotency-replayed"] == "true"
            assert twice[1].content == twice[0].content
            warned = each.server.generate(**SMALL, rewind={})
            assert warned["samples"][0]["handle"] is None
            assert "no handle" in warned["warnings"][0]
            refused = each.server.client.post("/v1/edit", json={"handle": handle})
            assert refused.status_code == 503
            assert refused.headers["retry-after"]
            lost = each.server.client.get(old)
            assert lost.status_code == 503
            assert lost.json()["type"] == "urn:sureflow:problem:store-unavailable"
            assert each.server.client.get("/v1/jobs").status_code == 503, "there may be others"
        assert look(one, running)["state"] in ("queued", "running")
        begun = time.monotonic()
        one.generate(n=1, sampler={"steps": 1})
        assert time.monotonic() - begun < PATIENCE_S
        new = begin(one, **SMALL)
        eventually(lambda: look(one, new)["state"] == "completed")
    finally:
        pair.redis.start()
    eventually(lambda: two.client.get(new).status_code == 200)
    eventually(lambda: look(two, new)["state"] == "completed")
    eventually(lambda: look(two, running)["state"] == "running")
    assert two.client.delete(running).status_code == 204
    eventually(lambda: look(one, running)["state"] == "cancelled")
    assert two.client.post("/v1/edit", json={"handle": handle}).status_code == 200
    assert all(each.server.process.poll() is None for each in (pair.one, pair.two))
