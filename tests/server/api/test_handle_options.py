"""What is kept outlives workers, servers and frames; when the store fails, samples are made."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.server.api.test_edit import edit, icon, made, same, states
from tests.server.asking import refusal
from tests.server.conftest import POINTS, make_checkpoint
from tests.server.running import PATIENCE_S, Server, eventually, gone
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


@pytest.fixture(params=["embedded", pytest.param("shared", marks=pytest.mark.slow)])
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


@pytest.fixture(scope="module")
def changed(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same models, but for another version of ``points``."""
    root = tmp_path_factory.mktemp("changed") / "models"
    shutil.copytree(models_dir, root)
    shutil.rmtree(root / "points")
    make_checkpoint(root / "points", {**POINTS, "weights": [1, 1, 1]}, media="vector")
    return root


def made_while_it_ends(server: Server) -> list[dict[str, Any]]:
    """Samples of a request that was under way when the server was told to end."""
    body = {"model": "icons", "n": 4, "rewind": {}, "output": {"format": "list"}}
    with ThreadPoolExecutor() as threads:
        long = {**body, "sampler": {"method": "rk4", "steps": 150}}
        answer = threads.submit(server.generate, **long)
        eventually(lambda: server.metric("sureflow_num_samples_running") >= 4)
        server.process.terminate()
        late: list[dict[str, Any]] = answer.result()["samples"]
    assert server.process.wait(PATIENCE_S) == 0
    return late


def asks_for_its_version(server: Server, sample: dict[str, Any], version: str) -> None:
    """The model of a handle under another version is named."""
    id = sample["handle"]["id"]
    asked = (
        server.client.get(f"/v1/handles/{id}"),
        server.client.get(f"/v1/handles/{id}/frames"),
        server.client.post("/v1/edit", json={"handle": id}),
    )
    for response in asked:
        document = refusal(response, 409, "version-gone")
        assert document["errors"][0]["field"] == "handle"
        assert f"points {version}" in document["detail"]
        assert server.generate()["model_version"] in document["detail"]
    assert server.client.delete(f"/v1/handles/{id}").status_code == 204


def test_a_trajectory_outlives_worker_server_and_frames(
    start: Callable[..., Server], kept: tuple[str, ...], changed: Path
) -> None:
    """Bitwise, whatever was killed: 50 steps of Heun, 20 of them from t = 0.6 on.

    After the first server the model ``points`` is another, which does not matter to ``icons``.
    """
    server = start(*DEFAULT, *kept)
    first, point = icon(server, sampler={"steps": 50}, rewind={"keep": "all"}), made(server)
    version = server.generate()["model_version"]
    costs = from_everywhere(server, first)
    assert costs[:3] == [40, 100, 6]
    seen = states(server, first)
    if "--data-dir" in kept:  # a worker knows of no store, so once is enough
        server.kill_worker()
        assert from_everywhere(server, first) == costs
    late = made_while_it_ends(server)

    server = start(*DEFAULT, *kept, "--store-max-bytes", str(BUDGET), models=changed)
    again = edit(server, first)
    assert "replay" not in again, "kernels are verified anew, and are the same"
    assert again["warnings"] == []
    asks_for_its_version(server, point, version)
    assert all(same(edit(server, sample)["samples"][0], sample) for sample in late)
    assert from_everywhere(server, first)[1] == costs[1]
    crowd = server.generate(n=60, rewind={"keep": []}, sampler={"steps": 2})
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
    worker = server.worker_pid
    server.process.kill()
    server.process.wait()
    eventually(lambda: gone(worker))

    server = start(*DEFAULT, *kept, models=changed)
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
