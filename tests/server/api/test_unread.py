"""Answers that nobody reads, on a server that really runs."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from tests.server.asking import begin, follow, refusal
from tests.server.conftest import make_checkpoint
from tests.server.running import PATIENCE_S, Server, eventually, serving
from tests.server.test_protocol import connect, memory

WIDE: dict[str, Any] = {
    "kind": "gaussian_mixture",
    "weights": [1],
    "means": [[0.1] * 1600],
    "covariances": [0.1],
    "shape": [1, 40, 40],
}
"""Samples that cost little and say much."""

MEBIBYTE = 1 << 20
READERS = 30
RATE = 300
JOB_BYTES = 12 * MEBIBYTE
LARGE: dict[str, Any] = {"n": 200, "sampler": {"steps": 2}, "output": {"format": "list"}}
"""Some seven megabytes."""

LARGEST = 400
"""Samples of an answer that takes less than half of the room."""

STALL_S = 1.0
"""A tenth of it is the promise; before there was one, it was half a minute."""


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with little patience and little room."""
    models: Path = tmp_path_factory.mktemp("wide") / "wide"
    make_checkpoint(models, WIDE, media="image")
    options = ("--models-dir", str(models.parent), "--default-model", "wide")
    patience = ("--write-timeout-s", "1", "--reads-per-minute", str(RATE))
    room = ("--answer-bytes", str(32 * MEBIBYTE), "--job-bytes", str(JOB_BYTES))
    with serving(*options, *patience, *room) as server:
        yield server


class Heartbeat:
    """Asks again and again whether a server lives, and how long it took to say so."""

    def __init__(self, server: Server) -> None:
        self.longest_s = 0.0
        self._server = server
        self._over = Event()
        self._thread = Thread(target=self._beat)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        with httpx.Client(base_url=self._server.url, timeout=PATIENCE_S) as client:
            while not self._over.is_set():
                begun = time.monotonic()
                assert client.get("/health/live").status_code == 200
                self.longest_s = max(self.longest_s, time.monotonic() - begun)
                time.sleep(0.005)


def asked(server: Server, method: str, path: str, body: bytes = b"") -> socket.socket:
    """A connection that has asked for something, and does not read."""
    connection = connect(server)
    kind = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n".encode() + kind + body)
    return connection


def test_who_does_not_read_is_dropped_and_holds_up_nobody(wide: Server) -> None:
    job = begin(wide, **LARGE)
    assert follow(wide, job)[-1].event == "completed"
    before, dropped = memory(wide, "VmRSS"), wide.metric("sureflow_unread_connections_total")
    with ExitStack() as stack:
        with Heartbeat(wide) as idle:
            time.sleep(0.5)
        heart = stack.enter_context(Heartbeat(wide))
        waiting = [
            stack.enter_context(asked(wide, "GET", path))
            for path in (job, f"{job}/events")
            for _ in range(READERS)
        ]
        waiting.append(
            stack.enter_context(asked(wide, "POST", "/v1/generate", json.dumps(LARGE).encode()))
        )
        gone = dropped + len(waiting)
        eventually(lambda: wide.metric("sureflow_unread_connections_total") == gone)
    assert heart.longest_s < max(STALL_S, 10 * idle.longest_s)
    eventually(lambda: wide.metric("sureflow_answer_bytes") == 0)
    eventually(lambda: memory(wide, "VmRSS") < before + 16 * MEBIBYTE)


def test_a_large_answer_holds_up_nobody(wide: Server) -> None:
    with Heartbeat(wide) as heart:  # it beats in this process: what is read here holds it up, too
        answer = wide.client.post("/v1/generate", json={**LARGE, "n": LARGEST})
    assert len(answer.json()["samples"]) == LARGEST
    assert heart.longest_s < STALL_S


def test_beyond_the_budget_requests_are_refused_before_any_work(wide: Server) -> None:
    made = wide.metric("sureflow_samples_total")
    refusal(wide.client.post("/v1/generate", json={**LARGE, "n": 500}), 422, "answer-too-large")
    with asked(wide, "POST", "/v1/generate", json.dumps({**LARGE, "n": LARGEST}).encode()):
        eventually(lambda: wide.metric("sureflow_answer_bytes") > 0)
        response = wide.client.post("/v1/generate", json=LARGE)
        refusal(response, 429, "answers-unread")
        assert int(response.headers["Retry-After"]) > 0
        eventually(lambda: wide.metric("sureflow_answer_bytes") == 0)
    assert wide.metric("sureflow_samples_total") == made + LARGEST
    assert wide.client.post("/v1/generate", json={**LARGE, "n": 1}).status_code == 200


def test_ended_jobs_take_what_they_are_counted_with(wide: Server) -> None:
    for each in wide.client.get("/v1/jobs").json()["jobs"]:
        wide.client.delete(f"/v1/jobs/{each['id']}")
    assert wide.metric("sureflow_job_bytes") == 0
    before = memory(wide, "VmRSS")
    for _ in range(12):
        follow(wide, begin(wide, **{**LARGE, "n": 40}))
    grown, counted = memory(wide, "VmRSS") - before, wide.metric("sureflow_job_bytes")
    assert JOB_BYTES * 0.8 < counted <= JOB_BYTES
    assert grown < JOB_BYTES * 1.2 + 4 * MEBIBYTE


def test_reads_have_a_rate_and_health_has_none(wide: Server) -> None:
    transport = httpx.HTTPTransport(local_address="127.0.0.9")
    with httpx.Client(base_url=wide.url, transport=transport) as other:
        statuses = [other.get("/v1/jobs").status_code for _ in range(RATE + 20)]
        assert statuses[:RATE] == [200] * RATE
        response = other.get("/v1/jobs/job_0")
        refusal(response, 429, "reads-exceeded")
        assert int(response.headers["Retry-After"]) >= 1
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert other.get(path).status_code == 200
    assert wide.client.get("/v1/jobs").status_code == 200, "others have their own"
