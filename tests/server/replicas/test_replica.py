"""Replicas that compute on other kernels are told of each other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from sureflow_server.replicas.link import Link
from sureflow_server.replicas.replica import Replica
from tests.server.running import Server, eventually
from tests.server.store.redis_server import RedisServer

BEAT_S = 0.05


async def seen(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(BEAT_S)


def replica(redis: RedisServer, fingerprints: dict[str, str]) -> Replica:
    made = Replica(Link(redis.url), beat_s=BEAT_S)
    made.fingerprints = lambda: fingerprints
    return made


def test_models_that_differ_are_found_by_name_and_version(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """One that the other has not, or has in another version, does not differ."""

    async def run() -> None:
        one = replica(redis, {"ring v1": "a", "digits v1": "b", "fashion v1": "c"})
        two = replica(redis, {"ring v1": "a", "digits v1": "other", "fashion v2": "other"})
        await one.start()
        assert one.differing == []
        await two.start()
        await seen(lambda: one.differing == two.differing == ["digits v1"])
        await two.stop()
        await seen(lambda: one.differing == [])
        await one.stop()

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    said = [record.getMessage() for record in caplog.records if "kernels" in record.getMessage()]
    assert said.count("replicas compute on other kernels: digits v1") == 2
    assert "replicas compute on other kernels: none any more" in said


def test_a_server_that_differs_is_ready_and_says_so(
    redis: RedisServer, start: Callable[..., Server]
) -> None:
    server = start("--default-model", "points", "--store", redis.url)
    version = server.client.get("/v1/models/points").json()["version"]

    def ready() -> dict[str, object]:
        response = server.client.get("/health/ready")
        assert response.status_code == 200
        body: dict[str, object] = response.json()
        return body

    async def run() -> None:
        other = replica(redis, {f"points {version}": "sha256:other"})
        await other.start()
        await asyncio.to_thread(eventually, lambda: "warnings" in ready())
        (warning,) = ready()["warnings"]  # type: ignore[misc]
        assert warning.startswith(f"points {version}: other replicas")
        await other.stop()

    assert ready() == {"status": "ready"}
    asyncio.run(run())
    eventually(lambda: ready() == {"status": "ready"})
    assert any("other kernels: points" in line for line in server.log)
