"""What only a Redis can go through: being gone, being shared, being full."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable

import pytest
from redis import Redis

from sureflow_server.store import (
    DamagedHandleError,
    ExpiredHandleError,
    Handle,
    Store,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
    UnknownHandleError,
)
from sureflow_server.store import shared as module
from sureflow_server.store.shared import SharedStore
from sureflow_server.store.store import REMEMBER_S
from tests.server.store.places import KiB, MiB, RedisPlace, make_handle, redis_server
from tests.server.store.redis_server import RedisServer


@pytest.fixture
def place(redis: RedisServer) -> RedisPlace:
    return RedisPlace(redis)


def all_calls(store: Store, id: str) -> list[Callable[[], Awaitable[object]]]:
    return [
        lambda: store.put(make_handle(), {1: b"one"}),
        lambda: store.get(id),
        lambda: store.frame(id, 1),
        lambda: store.frames(id),
        lambda: store.add_frames(id, {2: b"two"}),
        lambda: store.delete(id),
        lambda: store.owned("key"),
        store.sweep,
        store.usage,
    ]


def test_it_works_again_when_redis_is_back() -> None:
    async def check(server: RedisServer) -> None:
        place = RedisPlace(server)
        async with place.open() as store:
            kept = await store.put(make_handle(), {1: b"one"})
            before = await store.usage()
            server.kill()
            for call in all_calls(store, kept.id):
                with pytest.raises(StoreUnavailableError):
                    await call()
            with pytest.raises(StoreUnavailableError):
                await SharedStore.open(server.url, MiB)
            server.start()
            assert await store.get(kept.id) == kept
            assert await store.usage() == before
            for call in all_calls(store, kept.id):
                await call()
            assert (await store.usage()).bytes == place.nbytes()

    with redis_server() as server:
        asyncio.run(check(server))


def test_a_redis_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.1)

    async def check(server: RedisServer) -> None:
        place = RedisPlace(server)
        async with place.open() as store:
            kept = await store.put(make_handle(), {})
            hanging = make_handle()
            server.process.send_signal(signal.SIGSTOP)
            try:
                for call in (lambda: store.get(kept.id), lambda: store.put(hanging, {1: b"one"})):
                    with pytest.raises(StoreUnavailableError):
                        await call()
            finally:
                server.process.send_signal(signal.SIGCONT)
            assert await store.get(kept.id) == kept
            # Redis may have read it before the connection was closed.
            again = await store.put(hanging, {1: b"one"})
            assert await store.frame(again.id, 1) == (1, b"one")
            assert (await store.usage()).handles == 2
            assert (await store.usage()).bytes == place.nbytes()

    with redis_server() as server:
        asyncio.run(check(server))


def test_servers_share_handles_and_budget(place: RedisPlace) -> None:
    async def check() -> None:
        size = make_handle(sample=5 * KiB).nbytes
        async with place.open(10 * size) as one, place.open(10 * size) as two:
            kept = await one.put(make_handle(sample=5 * KiB), {})
            await two.add_frames(kept.id, {step: bytes(KiB) for step in range(20)})
            assert await one.frame(kept.id, 3) == (3, bytes(KiB))
            both = [store for _ in range(10) for store in (one, two)]
            puts = [store.put(make_handle(sample=5 * KiB), {}) for store in both]
            done = await asyncio.gather(*puts, return_exceptions=True)
            assert sum(isinstance(error, StoreFullError) for error in done) == 11
            usages = [await one.usage(), await two.usage()]
            assert usages[0].bytes == usages[1].bytes == place.nbytes() == 10 * size
            assert sum(usage.evictions for usage in usages) == 20
            await two.delete(kept.id)
            with pytest.raises(UnknownHandleError):
                await one.get(kept.id)

    asyncio.run(check())


def test_time_is_that_of_redis(place: RedisPlace) -> None:
    """Servers whose clocks differ agree on what has expired."""

    async def check() -> None:
        with place.server.client() as client:
            seconds, _ = client.time()
        async with place.open() as store:
            kept = await store.put(make_handle(lifetime=0.2), {})
            assert 0 <= kept.created - seconds < 60
            assert await store.get(kept.id) == kept
            while True:
                try:
                    await store.get(kept.id)
                except ExpiredHandleError:
                    break
                await asyncio.sleep(0.02)
            with place.server.client() as client:
                seconds, microseconds = client.time()
            assert seconds + microseconds / 1e6 >= kept.expires

    asyncio.run(check())


def test_redis_without_memory_is_full_and_loses_nothing() -> None:
    async def check(server: RedisServer) -> None:
        place = RedisPlace(server)
        async with place.open(100 * MiB) as store:
            kept = await put_until_full(store)
            assert 2 < len(kept) < 100
            assert [await store.get(handle.id) for handle in kept] == kept
            with server.client() as client:
                client.config_set("maxmemory", "1mb")
            for refused in (
                store.put(make_handle(), {1: b"one"}),
                store.add_frames(kept[0].id, {2: bytes(KiB)}),
            ):
                with pytest.raises(StoreFullError, match="no memory"):
                    await refused
            assert (await store.owned("key")).entries[0].id == kept[-1].id
            assert await store.frame(kept[1].id, 5) == (1, bytes(KiB))
            assert (await store.usage()).bytes == place.nbytes()
            assert await store.sweep() == 0
            await store.delete(kept[0].id)
            await store.delete(kept[1].id)
            with server.client() as client:
                client.config_set("maxmemory", "6mb")
            await eventually_put(store)
            assert (await store.usage()).bytes == place.nbytes()

    with redis_server("--maxmemory", "6mb") as server:
        asyncio.run(check(server))


async def put_until_full(store: Store) -> list[Handle]:
    kept: list[Handle] = []
    while len(kept) < 100:
        handle = make_handle(sample=300 * KiB)
        try:
            kept.append(await store.put(handle, {1: bytes(KiB)}))
        except StoreFullError:
            break
    return kept


async def eventually_put(store: Store) -> None:
    """Redis frees memory in a thread of its own."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            await store.put(make_handle(sample=100 * KiB), {})
        except StoreFullError:
            await asyncio.sleep(0.02)
        else:
            return
    pytest.fail("there is still no room")


def test_a_redis_that_drops_any_key_is_refused() -> None:
    with redis_server("--maxmemory", "6mb", "--maxmemory-policy", "allkeys-lru") as server:
        with pytest.raises(StoreError, match="allkeys-lru"):
            asyncio.run(SharedStore.open(server.url, MiB))
        with server.client() as client:
            client.config_set("maxmemory-policy", "volatile-lru")

        async def check() -> None:
            async with RedisPlace(server).open() as store:
                await store.put(make_handle(), {})

        asyncio.run(check())


def test_what_redis_drops_by_itself_are_frames(place: RedisPlace) -> None:
    async def check() -> None:
        async with place.open() as store:
            kept = await store.put(make_handle(), {1: b"one", 2: b"two"})
            await store.put(make_handle(), {1: b"one"})
            with place.server.client() as client:
                for key in client.keys(f"{place.prefix}*"):
                    volatile = key.startswith(f"{place.prefix}frames:".encode())
                    assert (client.ttl(key) > REMEMBER_S) == volatile
                client.delete(f"{place.prefix}frames:{kept.id}")
            assert await store.frames(kept.id) == []
            assert await store.frame(kept.id, 5) is None
            assert (await store.usage()).bytes == place.nbytes()
            await store.add_frames(kept.id, {2: b"two"})
            assert await store.frame(kept.id, 5) == (2, b"two")

    asyncio.run(check())


def test_a_handle_that_somebody_removed_is_damaged(place: RedisPlace) -> None:
    async def check() -> None:
        async with place.open() as store:
            kept = await store.put(make_handle(), {1: b"one"})
            with place.server.client() as client:
                client.delete(f"{place.prefix}handle:{kept.id}")
            with pytest.raises(DamagedHandleError, match=kept.id):
                await store.get(kept.id)
            assert (await store.owned("key")).entries == ()
            await store.delete(kept.id)
            with pytest.raises(UnknownHandleError):
                await store.get(kept.id)

    asyncio.run(check())


def test_keys_begin_with_the_prefix(place: RedisPlace) -> None:
    async def check() -> None:
        with place.server.client() as client:
            before = set(client.keys())
        async with place.open() as store:
            await store.put(make_handle(), {1: b"one"})
        with place.server.client() as client:
            new = set(client.keys()) - before
        assert new
        assert all(key.startswith(place.prefix.encode()) for key in new)

    asyncio.run(check())


@pytest.mark.parametrize("password", ["sesame#seed", "sesame/seed", "sesame?seed"])
def test_an_address_that_is_none_is_refused_without_the_password(password: str) -> None:
    """What stands before such a sign was taken for a port, and shown."""
    with pytest.raises(StoreError, match=r"redis://:PASSWORD@HOST.* as %23 and %2F") as error:
        asyncio.run(SharedStore.open(f"redis://:{password}@host:6379/0", MiB))
    assert "sesame" not in str(error.value)
    with pytest.raises(StoreError, match="Port could not be"):
        asyncio.run(SharedStore.open("redis://host:sesame", MiB))


def test_who_is_not_let_in_learns_it_without_the_password() -> None:
    with redis_server("--requirepass", "open-sesame") as server:
        wrong = server.url.replace("unix://", "unix://:sesame-seed@")
        for url in (server.url, wrong):
            with pytest.raises(StoreError, match="does not let us in") as error:
                asyncio.run(SharedStore.open(url, MiB))
            assert not isinstance(error.value, StoreUnavailableError)
            assert "sesame-seed" not in str(error.value)

        async def check() -> None:
            store = await SharedStore.open(server.url.replace("//", "//:open-sesame@"), MiB)
            await store.put(make_handle(), {})
            await store.close()

        asyncio.run(check())


def test_who_is_not_let_in_any_more_may_be_again() -> None:
    """A password that is changed while servers are connected, and changed back."""

    async def check(server: RedisServer) -> None:
        url = server.url.replace("//", "//:one@")
        store = await SharedStore.open(url, MiB)
        kept = await store.put(make_handle(), {1: b"one"})
        with Redis.from_url(url) as client:
            client.config_set("requirepass", "two")
            client.execute_command("CLIENT KILL TYPE normal SKIPME yes")
            for call in all_calls(store, kept.id):
                with pytest.raises(StoreUnavailableError, match="password"):
                    await call()
            client.config_set("requirepass", "one")
        assert await store.get(kept.id) == kept
        for call in all_calls(store, kept.id):
            await call()
        await store.close()

    with redis_server("--requirepass", "one") as server:
        asyncio.run(check(server))


@pytest.mark.parametrize("url", ["redis.example", "http://:secret@host", "redis://h/:secret"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(StoreError) as error:
        asyncio.run(SharedStore.open(url, MiB))
    assert "secret" not in str(error.value)


def test_redis_needs_about_as_much_memory_as_is_counted() -> None:
    """The budget would be worth little if small entries took a multiple of what they count for."""

    async def check(server: RedisServer) -> float:
        async with RedisPlace(server).open(100 * MiB) as store:
            with server.client() as client:
                before = client.info("memory")["used_memory"]
            for _ in range(300):
                await store.put(make_handle(owner=f"key_{'x' * 20}"), dict.fromkeys(range(5), b""))
            with server.client() as client:
                used = client.info("memory")["used_memory"] - before
            return float(used / (await store.usage()).bytes)

    with redis_server("--appendonly", "no") as server:
        share = asyncio.run(check(server))
    assert 0.2 < share < 1
