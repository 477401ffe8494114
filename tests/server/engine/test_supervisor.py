"""Workers that hang, run out of memory or have a network that raises, in real servers."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.server.moody import CLASSES, Mood
from tests.server.running import PATIENCE_S, Server, command, eventually

LONG: dict[str, Any] = {"n": 4, "seed": 5, "sampler": {"method": "rk4", "steps": 300}}


def restarts(server: Server) -> float:
    return server.metric("sureflow_worker_restarts_total")


def running(server: Server) -> bool:
    return server.metric("sureflow_num_samples_running") > 0


def test_a_stopped_worker_is_replaced(foreign: Server) -> None:
    expected = foreign.generate(**LONG)["samples"]
    before = restarts(foreign)
    with ThreadPoolExecutor() as threads:
        answer = threads.submit(foreign.generate, **LONG)
        eventually(lambda: running(foreign))
        os.kill(foreign.worker_pid, signal.SIGSTOP)
        assert answer.result()["samples"] == expected
    assert restarts(foreign) == before + 1
    assert any("was silent for 3 s while serving" in line for line in foreign.log)


def test_an_idle_worker_is_heard_of(foreign: Server) -> None:
    """It beats every second; one that has stopped is replaced before anybody asks for it."""
    first, before = foreign.worker_pid, restarts(foreign)
    os.kill(first, signal.SIGSTOP)
    eventually(lambda: restarts(foreign) == before + 1)
    eventually(lambda: foreign.client.get("/health/ready").status_code == 200)
    second = foreign.worker_pid
    assert second != first
    assert foreign.generate()["samples"]
    assert foreign.worker_pid == second


def test_a_stopped_server_does_not_blame_its_worker(foreign: Server) -> None:
    worker, before = foreign.worker_pid, restarts(foreign)
    os.kill(foreign.process.pid, signal.SIGSTOP)
    time.sleep(4)
    os.kill(foreign.process.pid, signal.SIGCONT)
    assert foreign.generate()["samples"]
    assert foreign.worker_pid == worker
    assert restarts(foreign) == before


def test_a_network_that_hangs_is_killed_and_the_lanes_run_again(
    foreign: Server, mood: Mood
) -> None:
    server, before = foreign, restarts(foreign)
    expected = server.generate(**LONG)["samples"]
    with ThreadPoolExecutor() as threads:
        mood.set("hang")
        answer = threads.submit(server.generate, **LONG)
        mood.wait_seen()
        mood.set("")
        assert answer.result()["samples"] == expected
    assert restarts(server) == before + 1


def test_a_network_without_memory_for_many_rows_serves_few_at_a_time(
    foreign: Server, mood: Mood
) -> None:
    server, before = foreign, restarts(foreign)
    body = {"n": 24, "seed": 3, "condition": {"label": 2}}
    expected = server.generate(**body)["samples"]
    mood.set("rows 8")
    assert server.generate(**body)["samples"] == expected
    mood.wait_seen()
    mood.set("")
    assert restarts(server) == before


def test_no_memory_at_all_is_said_and_passes(foreign: Server, mood: Mood) -> None:
    server, before = foreign, restarts(foreign)
    mood.set("rows 0")
    response = server.client.post("/v1/generate", json={"n": 3})
    assert response.status_code == 503
    assert response.json()["type"] == "urn:sureflow:problem:out-of-memory"
    assert int(response.headers["retry-after"]) >= 1
    mood.set("")
    assert len(server.generate(n=3)["samples"]) == 3
    assert restarts(server) == before


def test_a_network_that_raises_fails_the_request_that_made_it(foreign: Server, mood: Mood) -> None:
    server, before = foreign, restarts(foreign)
    bodies = [{**LONG, "condition": {"label": label}} for label in range(CLASSES)]
    expected = [server.generate(**body)["samples"] for body in bodies]
    mood.set("label 2")
    with ThreadPoolExecutor() as threads:
        answers = [threads.submit(server.client.post, "/v1/generate", json=b) for b in bodies]
        responses = [answer.result() for answer in answers]
    mood.set("")
    assert [response.status_code for response in responses] == [200, 200, 500, 200]
    assert responses[2].json()["type"] == "urn:sureflow:problem:request-failed"
    assert "label 2 is out of order" in responses[2].json()["detail"]
    for label in (0, 1, 3):
        assert responses[label].json()["samples"] == expected[label]
    assert restarts(server) == before


@pytest.mark.slow
def test_a_default_model_that_hangs_while_it_is_loaded_ends_the_command(mood: Mood) -> None:
    mood.set("hang")
    models = ("--models-dir", str(mood.models), "--default-model", "moody")
    options = (*models, "--load-timeout-s", "20")
    process = command(*options, plugins=mood.plugins)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    *_, last = output.splitlines()
    said = "was silent for 20 s while loading it, and goes on without it"
    assert (
        last == f"sureflow: the default model moody could not be loaded: the worker process {said}"
    )
