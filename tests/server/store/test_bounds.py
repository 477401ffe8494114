"""What the script of the store does with keys that hold what nobody has put there: it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis as client

from sureflow_server.store import UnknownHandleError
from tests.server.store.places import KiB, RedisPlace, make_handle
from tests.server.store.redis_server import RedisServer
from tests.server.store.test_store import run

MANY = 20_000
ODD = ("x", "", "nan", "inf", "-inf", "1e300", "9" * 400)


@pytest.fixture
def place(redis: RedisServer) -> RedisPlace:
    return RedisPlace(redis)


def plant(place: RedisPlace, wrong: Callable[[client.Redis, str], Any]) -> None:
    with place.server.client() as redis:
        wrong(redis, place.prefix)


async def goes_on(place: RedisPlace, before: str | None = None) -> None:
    """All operations end, a handle can be kept, and frames make room for others."""
    async with place.open(100 * KiB) as store:
        kept = [await store.put(make_handle(), {1: bytes(30 * KiB)}) for _ in range(6)]
        assert await store.get(kept[-1].id) == kept[-1]
        assert await store.frame(kept[-1].id, 9) == (1, bytes(30 * KiB))
        assert await store.frame(kept[0].id, 9) is None, "it made room"
        await store.add_frames(kept[0].id, {2: b"two"})
        assert kept[0].id in {entry.id for entry in (await store.owned("key")).entries}
        await store.sweep()
        assert (await store.usage()).bytes <= 100 * KiB
        for handle in kept:
            await store.delete(handle.id)
            with pytest.raises(UnknownHandleError):
                await store.get(handle.id)


@pytest.mark.parametrize("field", ["handle_bytes", "frame_bytes", "seq", "use"])
@pytest.mark.parametrize("odd", ODD)
@run
async def test_totals_that_are_no_numbers_count_as_nothing(
    place: RedisPlace, field: str, odd: str
) -> None:
    plant(place, lambda redis, prefix: redis.hset(f"{prefix}total", field, odd))
    await goes_on(place)


def unused(redis: client.Redis, prefix: str) -> None:
    """Frames in the order of use that are nowhere, some with names that are none."""
    redis.zadd(f"{prefix}used", {f"{n}:{n}": -n for n in range(MANY)})
    redis.zadd(f"{prefix}used", {"": -1e9, "x": -1e9, ":": -1e9, "a b:-1": -1e9})
    redis.hset(f"{prefix}total", "frame_bytes", 2**40)


def expired(redis: client.Redis, prefix: str) -> None:
    """Handles that have expired and are not there, some with things in place of their frames."""
    redis.zadd(f"{prefix}expiry", {f"id {n}": n for n in range(MANY)})
    for number in range(5):
        steps = {f"{step}": "no size" for step in range(3000)}
        redis.hset(f"{prefix}sizes:id {number}", mapping=steps)
    redis.hset(f"{prefix}handle:id 9", mapping={"owner": "x y", "nbytes": "much"})


def overfull(redis: client.Redis, prefix: str) -> None:
    """More frames than there are, as the total has it."""
    redis.hset(f"{prefix}total", "frame_bytes", 2**52)


@pytest.mark.parametrize("wrong", [unused, expired, overfull])
@run
async def test_what_is_counted_and_not_there_makes_room(
    place: RedisPlace, wrong: Callable[[client.Redis, str], Any]
) -> None:
    plant(place, wrong)
    await goes_on(place)


@run
async def test_frames_without_end_are_none(place: RedisPlace) -> None:
    async with place.open(100 * KiB) as store:
        kept = await store.put(make_handle(), {1: b"one"})
        sizes = {**{str(step): "x" for step in range(MANY)}, "no step": "1"}
        plant(place, lambda redis, prefix: redis.hset(f"{prefix}sizes:{kept.id}", mapping=sizes))
        assert await store.frame(kept.id, 5) is None
        assert await store.frames(kept.id) == []
        await store.add_frames(kept.id, {2: b"two"})
        assert await store.frame(kept.id, 5) == (2, b"two")
        await store.delete(kept.id)
    await goes_on(place)
