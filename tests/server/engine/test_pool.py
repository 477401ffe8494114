"""Workers that die, clients that leave, queues that are full: on processes that really run."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.running import Server, eventually, loaders, name_of, serving, workers

LONG: dict[str, Any] = {"n": 6, "seed": 5, "sampler": {"method": "rk4", "steps": 600}}


def running(server: Server, count: int = 6) -> bool:
    return server.metric("sureflow_num_samples_running", model="points") >= count


def restarts(server: Server) -> float:
    return server.metric("sureflow_worker_restarts_total")


def requests(server: Server, **labels: str) -> float:
    return server.metric("sureflow_requests_total", **labels)


def rejections(server: Server) -> float:
    return server.metric("sureflow_requests_rejected_total", reason="queue-full")


@pytest.fixture(scope="module")
def mortal(models_dir: Path) -> Iterator[Server]:
    """A server whose worker may be killed, and whose queue is soon full."""
    options = ("--models-dir", str(models_dir), "--default-model", "points")
    bounds = ("--max-queued-samples", "10", "--max-queued-bytes", "1000000")
    with serving(*options, *bounds) as server:
        yield server


def test_a_request_ends_at_its_deadline(mortal: Server) -> None:
    """This one comes first: who has served knows how long it takes, and refuses at once."""
    failed = requests(mortal, outcome="error")
    body: dict[str, Any] = {**LONG, "sampler": {"method": "rk4", "steps": 1000}, "deadline_s": 0.3}
    response = mortal.client.post("/v1/generate", json=body)
    assert response.status_code == 504
    assert response.json()["type"] == "urn:sureflow:problem:deadline-exceeded"
    eventually(lambda: mortal.metric("sureflow_num_samples_running") == 0)
    assert requests(mortal, outcome="error") == failed + 1

    events = {"Accept": "text/event-stream"}
    stream = mortal.client.post("/v1/generate", json={**body, "n": 1}, headers=events)
    # by now the server knows how long its ticks take
    if stream.status_code == 200:
        last = stream.text.strip().split("\n\n")[-1]
        assert "event: error" in last
        data = next(line for line in last.split("\n") if line.startswith("data: "))
        assert json.loads(data[6:])["status"] == 504
    else:
        assert stream.status_code == 429


def test_a_restart_changes_nothing(mortal: Server, server: Server) -> None:
    body = {"model": "points", "n": 2, "seed": 9}
    assert mortal.generate(**body)["samples"] == server.generate(**body)["samples"]


def test_a_worker_killed_is_followed_by_a_fork_of_what_stood_by_before(mortal: Server) -> None:
    body, deaths = {"model": "points", "n": 2, "seed": 9}, restarts(mortal)
    expected, worker = mortal.generate(**body)["samples"], mortal.worker_pid
    standby = parent(worker)
    assert name_of(standby) == "sureflow-forks"
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: restarts(mortal) == deaths + 1)
    assert mortal.generate(**body)["samples"] == expected
    assert parent(mortal.worker_pid) == standby, "which was there before the kill"


def test_without_what_forked_it_a_worker_goes_on_and_another_stands_by(mortal: Server) -> None:
    body, deaths = {"model": "points", "n": 2, "seed": 9}, restarts(mortal)
    expected, worker = mortal.generate(**body)["samples"], mortal.worker_pid
    standby, logged = parent(worker), len(mortal.log)
    for pid in (parent(standby), standby):  # and without the fork server, from which that came
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: parent(worker) != standby and not workers(mortal.process.pid))
    assert mortal.generate(**body)["samples"] == expected
    eventually(lambda: [*map(name_of, loaders(mortal.process.pid))] == ["sureflow-forks"])
    assert restarts(mortal) == deaths, "nobody has noticed"
    assert any("the process that stands by ended with" in line for line in mortal.log[logged:])
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: restarts(mortal) == deaths + 1)
    assert mortal.generate(**body)["samples"] == expected
    assert parent(mortal.worker_pid) in loaders(mortal.process.pid)


def parent(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("PPid:")[2].split()[0])


def test_a_killed_worker_costs_time_and_nothing_else(mortal: Server, server: Server) -> None:
    expected = server.generate(**LONG)["samples"]
    deaths, before, ok = restarts(mortal), requests(mortal), requests(mortal, outcome="ok")
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(mortal.generate, **LONG)
        eventually(lambda: running(mortal))
        mortal.kill_worker()
        assert mortal.client.get("/health/live").status_code == 200
        queued = threads.submit(mortal.generate, n=4, seed=1)
        assert answer.result()["samples"] == expected
        assert queued.result()["samples"] == server.generate(n=4, seed=1)["samples"]
    assert mortal.client.get("/health/ready").status_code == 200
    assert restarts(mortal) == deaths + 1
    assert requests(mortal, outcome="ok") == ok + 2
    assert requests(mortal) == before + 2


def test_a_worker_killed_between_two_rungs_changes_nothing(mortal: Server, server: Server) -> None:
    body = {
        **LONG,
        "n": 8,
        "confidence": {"method": "propagated"},
        "filter": {"top": 1, "by": "uncertainty", "action": "drop", "early": "halving"},
    }
    expected, deaths = server.generate(**body)["samples"], restarts(mortal)
    assert [sample["decision"]["action_taken"] for sample in expected].count("abandoned") == 7

    def given_up() -> float:
        return mortal.metric("sureflow_samples_total", finish_reason="abandoned")

    before = given_up()
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(mortal.generate, **body)
        for heard in (0, 4, 6):
            eventually(lambda heard=heard: given_up() >= before + heard and running(mortal, 1))
            mortal.kill_worker()
            deaths += 1
            eventually(partial(lambda count: restarts(mortal) == count, deaths))
        assert answer.result()["samples"] == expected
    assert given_up() == before + 7


def test_a_request_that_three_workers_died_of_fails(mortal: Server) -> None:
    deaths, failed = restarts(mortal), requests(mortal, outcome="error")
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(mortal.client.post, "/v1/generate", json=LONG)
        for _ in range(3):
            eventually(lambda: running(mortal))
            mortal.kill_worker()
            deaths += 1
            eventually(partial(lambda count: restarts(mortal) == count, deaths))
        response = answer.result()
    assert response.status_code == 500
    assert response.json()["type"] == "urn:sureflow:problem:request-failed"
    assert requests(mortal, outcome="error") == failed + 1
    assert len(mortal.generate(n=10)["samples"]) == 10, "its room is free again"


def test_a_full_queue_refuses_at_once_and_says_when_to_come_back(mortal: Server) -> None:
    before = rejections(mortal)
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(mortal.generate, **LONG)
        eventually(lambda: running(mortal))
        response = mortal.client.post("/v1/generate", json={"n": 5})
        assert not answer.done()
        assert response.status_code == 429
        assert response.json()["type"] == "urn:sureflow:problem:queue-full"
        exact = int(response.headers["retry-after-ms"])
        assert 50 <= exact <= 60_000
        assert int(response.headers["retry-after"]) == -(-exact // 1000)
        assert mortal.generate(n=4)["samples"], "four still fit"
        assert answer.result()["samples"]
    assert rejections(mortal) == before + 1
    assert len(mortal.generate(n=10)["samples"]) == 10


def test_a_queue_is_full_in_bytes_too(mortal: Server) -> None:
    light = {"n": 2, "seed": 5, "sampler": {"method": "rk4", "steps": 600}}
    heavy = {**light, "rewind": {"keep": "all"}}
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(mortal.generate, **light)
        eventually(lambda: running(mortal, 2))
        reserved = mortal.metric("sureflow_reserved_bytes")
        assert 8192 < reserved < 100_000
        few = {"n": 2, "sampler": {"steps": 74}, "rewind": {"keep": "all"}}
        refused = mortal.client.post("/v1/generate", json=few)
        assert not answer.done()
        assert refused.status_code == 429
        assert refused.json()["type"] == "urn:sureflow:problem:queue-full"
        assert "bytes are reserved" in refused.json()["detail"]
        assert int(refused.headers["retry-after-ms"]) >= 50
        assert answer.result()["samples"]
    assert mortal.metric("sureflow_reserved_bytes") == 0
    assert len(mortal.generate(**few)["samples"]) == 2, "now there is room"
    never = mortal.client.post("/v1/generate", json=heavy)
    assert never.status_code == 422
    assert never.json()["type"] == "urn:sureflow:problem:too-many-samples"
    assert [error["field"] for error in never.json()["errors"]] == ["n"]
    assert mortal.metric("sureflow_reserved_bytes") == 0
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{mortal.url}/v1/generate", json=light, timeout=0.1)
    eventually(lambda: mortal.metric("sureflow_reserved_bytes") == 0)


def test_more_than_the_queue_ever_holds_is_not_worth_a_wait(mortal: Server) -> None:
    never = mortal.client.post("/v1/generate", json={"n": 11})
    assert never.status_code == 422
    assert never.json()["type"] == "urn:sureflow:problem:too-many-samples"


def test_a_client_that_leaves_frees_its_lanes(server: Server) -> None:
    labels = {"model": "points", "outcome": "cancelled"}
    before = server.metric("sureflow_requests_total", **labels)
    endless = {**LONG, "n": 500, "sampler": {"method": "rk4", "steps": 1000}}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/v1/generate", json=endless, timeout=1)
    eventually(lambda: server.metric("sureflow_requests_total", **labels) == before + 1)
    eventually(lambda: server.metric("sureflow_num_samples_running") == 0)
    assert server.metric("sureflow_num_samples_waiting") == 0


def test_a_small_request_overtakes_a_large_one(server: Server) -> None:
    large = {"n": 200, "seed": 1, "sampler": {"method": "rk4", "steps": 60}}
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(server.generate, **large)
        eventually(lambda: running(server))
        begun = time.monotonic()
        server.generate(n=1, sampler={"steps": 1})
        small = time.monotonic() - begun
        assert not answer.done()
        usage = answer.result()["usage"]
    assert small < usage["compute_s"]
