"""What is kept outlives workers, servers and frames; when the store fails, samples are made."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.server.api.test_edit import edit, icon, same, states
from tests.server.running import PATIENCE_S, Server, eventually
from tests.server.store.places import redis_server
from tests.server.store.redis_server import RedisServer

DEFAULT = ("--default-model", "points")
BUDGET = 90_000
"""Bytes for all handles at first, but not for their frames, and not for the crowd that comes."""


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis that tests may kill."""
    with redis_server() as server:
        yield server


@pytest.fixture(params=["embedded", "shared"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    """Options with which servers keep handles in the same place, one after another."""
    if request.param == "embedded":
        return ("--data-dir", str(tmp_path))
    return ("--store", request.getfixturevalue("redis").url)


def from_everywhere(server: Server, first: dict[str, Any]) -> list[int]:
    """Evaluations of continuing from several moments, each of which gives the same bytes."""
    places = ({"t": 0.6}, {"step": 0}, {"t": 0.95}, "commit")
    answers = [edit(server, first, at=at) for at in places]
    assert all(same(answer["samples"][0], first) for answer in answers)
    return [answer["usage"]["evaluations"] for answer in answers]


def test_a_trajectory_outlives_worker_server_and_frames(
    start: Callable[..., Server], kept: tuple[str, ...]
) -> None:
    """Bitwise, whatever was killed: 50 steps of Heun, 20 of them from t = 0.6 on."""
    server = start(*DEFAULT, *kept)
    first = icon(server, sampler={"steps": 50}, rewind={"keep": "all"})
    costs = from_everywhere(server, first)
    assert costs[:3] == [40, 100, 6]
    seen = states(server, first)
    if "--data-dir" in kept:  # a worker knows of no store, so once is enough
        server.kill_worker()
        assert from_everywhere(server, first) == costs
    with ThreadPoolExecutor() as threads:
        body = {"n": 4, "rewind": {}, "sampler": {"method": "rk4", "steps": 300}}
        answer = threads.submit(server.generate, **body)
        eventually(lambda: server.metric("sureflow_num_samples_running") >= 4)
        server.process.terminate()
        late = answer.result()["samples"]
    assert server.process.wait(PATIENCE_S) == 0

    server = start(*DEFAULT, *kept, "--store-max-bytes", str(BUDGET))
    assert all(same(edit(server, sample)["samples"][0], sample) for sample in late)
    assert from_everywhere(server, first)[1] == costs[1]
    crowd = server.generate(n=30, rewind={"keep": []}, sampler={"steps": 2})
    handles = [sample["handle"] for sample in crowd["samples"]]
    assert None in handles, "there is no room for all"
    assert any(handles), "nor for none"
    assert all(sample["data"] for sample in crowd["samples"])
    (warning,) = crowd["warnings"]
    assert "no handle could be kept: live handles leave no room" in warning
    shown = server.client.get(f"/v1/handles/{first['handle']['id']}").json()
    assert len(shown["frames"]) <= 1, "frames go before handles do; one may fit beside them"
    poor = from_everywhere(server, first)
    assert min(poor) > costs[0]
    assert states(server, first) == seen
    server.process.kill()
    server.process.wait()

    server = start(*DEFAULT, *kept)
    assert from_everywhere(server, first) == poor
    for handle in filter(None, handles):
        assert server.client.get(f"/v1/handles/{handle['id']}").status_code == 200


@pytest.mark.slow
def test_a_store_that_hangs_is_waited_for_once(
    start: Callable[..., Server], redis: RedisServer
) -> None:
    """A thousand samples wait for it no longer than one."""
    server = start(*DEFAULT, "--store", redis.url)
    redis.process.send_signal(signal.SIGSTOP)
    try:
        answer = server.generate(n=1000, rewind={}, sampler={"steps": 2})
    finally:
        redis.process.send_signal(signal.SIGCONT)
    assert all(sample["handle"] is None for sample in answer["samples"])
    assert len(answer["warnings"]) == 1
