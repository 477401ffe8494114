"""Whatever any key of the store in Redis holds, or does not hold, what comes of it has a name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from sureflow_server.store import Store, StoreError
from tests.server.store.places import RedisPlace, make_handle
from tests.server.store.redis_server import RedisServer
from tests.server.store.test_bounds import goes_on
from tests.server.store.test_shared import all_calls
from tests.server.store.test_store import run

Call = Callable[[], Awaitable[object]]
Deed = Callable[[Any, bytes], Any]


def dropped(redis: Any, key: bytes) -> None:
    redis.delete(key)


def of_another_type(redis: Any, key: bytes) -> None:
    redis.delete(key)
    redis.set(key, "text")


def garbled(redis: Any, key: bytes) -> None:
    """Every value is something else; the names are what they were."""
    if redis.type(key) == b"hash":
        redis.hset(key, mapping=dict.fromkeys(redis.hkeys(key), b"\xff x"))
    else:
        redis.zadd(key, dict.fromkeys(redis.zrange(key, 0, -1), float("inf")))


def renamed(redis: Any, key: bytes) -> None:
    """Every name is something else; the values are what they were."""
    if redis.type(key) == b"hash":
        there = redis.hgetall(key)
        redis.delete(key)
        redis.hset(key, mapping={b"\xff " + name: value for name, value in there.items()})
    else:
        scored = redis.zrange(key, 0, -1, withscores=True)
        redis.delete(key)
        redis.zadd(key, {b"\xff " + name: score for name, score in scored})


def half_dropped(redis: Any, key: bytes) -> None:
    if redis.type(key) == b"hash":
        redis.hdel(key, *redis.hkeys(key)[::2])
    else:
        redis.zrem(key, *redis.zrange(key, 0, -1)[::2])


@pytest.fixture
def place(redis: RedisServer) -> RedisPlace:
    return RedisPlace(redis)


@pytest.mark.parametrize("deed", [dropped, of_another_type, garbled, renamed, half_dropped])
@run
async def test_only_errors_of_the_store_come_of_it(place: RedisPlace, deed: Deed) -> None:
    with place.server.client() as redis:
        for number in range(len(await keys_of(place, redis))):
            keys = await keys_of(place, redis)
            async with place.open() as store:
                deed(redis, keys[number])
                await only_errors_of_the_store(store, keys)
            if deed is not of_another_type:
                await goes_on(place)
            redis.delete(*redis.keys(f"{place.prefix}*"))


async def keys_of(place: RedisPlace, redis: Any) -> list[bytes]:
    """The keys of a store with a few handles, one of which has expired."""
    redis.delete("nothing", *redis.keys(f"{place.prefix}*"))
    async with place.open() as store:
        for owner in ("a", "b"):
            await store.put(make_handle(owner), {1: b"one", 2: b"two", 3: b"three"})
        gone = await store.put(make_handle("a", lifetime=1e-6), {1: b"one"})
        while not redis.zscore(f"{place.prefix}gone", gone.id):
            await store.sweep()
    return sorted(redis.keys(f"{place.prefix}*"))


async def only_errors_of_the_store(store: Store, keys: list[bytes]) -> None:
    ids = [key.rpartition(b":")[2].decode() for key in keys if b"hdl_" in key]
    assert len(ids) == 6
    lists: list[Call] = [partial(store.owned, "a"), partial(store.owned, "b", 1)]
    for id in dict.fromkeys(ids):
        for call in [*all_calls(store, id), *lists]:
            try:
                await call()
            except StoreError:
                continue
