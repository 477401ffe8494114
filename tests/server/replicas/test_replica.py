"""A replica compares what it computes on with what the others say that they do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from sureflow_server.replicas.link import Link
from sureflow_server.replicas.replica import Replica
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
    told = [record.getMessage() for record in caplog.records if "kernels" in record.getMessage()]
    assert told.count("replicas compute on other kernels: digits v1") == 2
    assert "replicas compute on other kernels: none any more" in told
