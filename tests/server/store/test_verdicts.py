"""Both stores of verdicts keep the same promises."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from itertools import count
from math import isnan, nan
from pathlib import Path

import pytest

from sureflow_server.store import (
    Draw,
    StoreDamagedError,
    StoreUnavailableError,
    Successor,
    Verdict,
    VerdictsFullError,
    VerdictStore,
)
from sureflow_server.store.shared_verdicts import SharedVerdicts
from sureflow_server.store.verdict_file import NAME, VerdictFile
from tests.server.store.redis_server import RedisServer

Open = Callable[..., AbstractAsyncContextManager[VerdictStore]]

ONE = Verdict("icons", "sha256:1", "served", "smp_1", "key", "ann", 1.0, 10.0, '{"seed":1}')
PREFIXES = count()


@pytest.fixture(params=["file", "shared"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same store again and again."""
    prefix = f"verdicts-{next(PREFIXES)}:"

    @asynccontextmanager
    async def open_(most: int = 100) -> AsyncIterator[VerdictStore]:
        if request.param == "file":
            store: VerdictStore = await VerdictFile.open(tmp_path / "verdicts", most)
        else:
            redis: RedisServer = request.getfixturevalue("redis")
            store = SharedVerdicts(redis.url, most, prefix)
        try:
            yield store
        finally:
            await store.close()

    return open_


def test_a_verdict_replaces_that_of_the_same_reviewer_and_outlives_the_store(place: Open) -> None:
    other = replace(ONE, reviewer="key2", name="bob", bad=0.0, at=9.0)
    elsewhere = replace(ONE, stream="0123456789abcdef", sample="drw_0123456789abcdef_3", at=12.0)

    async def run() -> None:
        async with place() as store:
            await store.put([ONE, other])
            await store.put([replace(ONE, bad=0.5, at=11.0), elsewhere])
            await store.put([replace(ONE, bad=0.5, at=11.0)])  # as a repeated request does
        async with place() as store:
            assert await store.verdicts("icons") == [
                other,
                replace(ONE, bad=0.5, at=11.0),
                elsewhere,
            ]
            assert await store.verdicts("icons", elsewhere.stream) == [elsewhere]
            assert await store.verdicts("points") == []
            await store.put([], [ONE.place, ONE.place])
            assert await store.verdicts("icons", "served") == [other]

    asyncio.run(run())


def test_there_are_never_more_than_there_is_room_for(place: Open) -> None:
    many = [replace(ONE, sample=f"smp_{number}") for number in range(6)]

    async def run() -> None:
        async with place(5) as store:
            await store.put(many[:4])
            with pytest.raises(VerdictsFullError, match="max_verdicts"):
                await store.put(many[4:])
            assert await store.verdicts("icons") == many[:4]
            await store.put(many[:4])  # those that are there take no room
            await store.put(many[4:], [many[0].place])
            with pytest.raises(VerdictsFullError):
                await store.put(many[:1])
            await store.put([], [each.place for each in many])
            await store.put(many[:5])

    asyncio.run(run())


def test_draws_are_those_that_were_noted_first(place: Open) -> None:
    async def run() -> None:
        async with place() as store:
            await store.extend("a", 0, [0.1, nan, 1e-300])
            await store.extend("a", 1, [5.0, 5.0, 0.25])
            await store.extend("a", 9, [1.0])
            await store.extend("b", 1, [1.0])
        async with place() as store:
            found = await store.draws("a")
            assert isnan(found.pop(1))
            assert found == [0.1, 1e-300, 0.25]
            assert await store.draws("b") == []

    asyncio.run(run())


def test_a_draw_is_before_one_reviewer_at_a_time(place: Open) -> None:
    async def run() -> None:
        async with place() as store:
            assert await store.offer("a", "ann", [1, 2], 5.0, 10.5) == [1, 2]
            assert await store.offer("a", "", [2, 7], 6.0, 11.25) == [7]
            assert await store.offer("a", "ann", [], 7.0, 12.0) == []
            assert await store.offered("a") == {1: ("ann", 10.5), 2: ("ann", 10.5), 7: ("", 11.25)}
            assert await store.offered("b") == {}
            assert await store.offer("a", "ann", [1], 8.0, 12.0) == [1]  # it stays before her
            assert await store.offer("a", "b c", [1, 2, 7], 10.5, 13.5) == [2]  # that time is over
            assert (await store.offered("a"))[2] == ("b c", 13.5)

    asyncio.run(run())


def test_reviewers_who_ask_at_the_same_time_are_offered_different_draws(place: Open) -> None:
    async def run() -> None:
        async with place() as store, place() as other:
            asked = [
                each.offer("a", f"reviewer {number}", range(20), 1.0, 2.0)
                for number, each in enumerate([store, other] * 4)
            ]
            given = await asyncio.gather(*asked)
            assert sorted(number for numbers in given for number in numbers) == [*range(20)]

    asyncio.run(run())


def test_what_is_withdrawn_stays_so_for_the_last_reason_until_it_is_restored(place: Open) -> None:
    async def run() -> None:
        async with place() as store:
            assert not await store.restore("sha256:1")
            assert await store.withdraw("sha256:1", "too many are bad")
            assert not await store.withdraw("sha256:1", "more are")
            assert await store.withdraw("sha256:2", "so are these")
        async with place() as store:
            assert await store.withdrawn() == {"sha256:1": "more are", "sha256:2": "so are these"}
            assert await store.restore("sha256:1")
            assert not await store.restore("sha256:1")
        async with place() as store:
            assert await store.withdrawn() == {"sha256:2": "so are these"}

    asyncio.run(run())


def test_what_was_served_is_counted_for_good(place: Open) -> None:
    async def run() -> None:
        async with place() as store, place() as other:
            assert await store.counted("sha256:1") == {}
            await asyncio.gather(
                *(each.count("sha256:1", {"7 a b": 2, "100 ": 1}) for each in [store, other] * 5)
            )
            await store.count("sha256:2", {"0 a": 10**9})
            await store.count("sha256:2", {})
        async with place() as store:
            assert await store.counted("sha256:1") == {"7 a b": 20, "100 ": 10}
            assert await store.counted("sha256:2") == {"0 a": 10**9}

    asyncio.run(run())


def test_a_calibration_is_in_place_of_all_before_it(redis: RedisServer) -> None:
    prefix = f"verdicts-{next(PREFIXES)}:"

    async def run() -> None:
        one, two = (SharedVerdicts(redis.url, 9, prefix) for _ in range(2))
        assert await two.successors() == {}
        assert await two.successor("icons") is None
        await one.succeed("icons", ["a", "a"], "b", b"\0\xff b")
        assert await two.successors() == {"icons": Successor("b", ("a",))}
        await one.succeed("icons", ["b", "file"], "c", b"c")
        await one.succeed("points", ["x"], "y", b"y")
        found = await two.successors()
        assert found["icons"] == Successor("c", ("b", "file", "a"))
        assert await two.successor("icons") == b"c"
        # An operator has put other tables there, which come after nothing.
        await one.succeed("icons", ["new"], "newer", bytes(range(256)))
        assert (await two.successors())["icons"] == Successor("newer", ("new",))
        assert await two.successor("icons") == bytes(range(256))
        await one.close()
        await two.close()

    asyncio.run(run())


def test_two_servers_over_one_redis_lose_nothing(redis: RedisServer) -> None:
    prefix = f"verdicts-{next(PREFIXES)}:"

    async def run() -> None:
        one, two = (SharedVerdicts(redis.url, 150, prefix) for _ in range(2))
        sent = [replace(ONE, sample=f"smp_{number}") for number in range(100)]
        both = zip(sent[::2], sent[1::2], strict=True)
        await asyncio.gather(
            *(s.put([v]) for pair in both for s, v in zip((one, two), pair, strict=True))
        )
        assert {each.sample for each in await one.verdicts("icons")} == {v.sample for v in sent}
        await one.close()
        await two.close()

    asyncio.run(run())


def test_a_redis_that_is_gone_and_one_with_something_else(redis: RedisServer) -> None:
    async def run() -> None:
        gone = SharedVerdicts("redis://127.0.0.1:1", 9)
        with pytest.raises(StoreUnavailableError):
            await gone.put([ONE])
        with pytest.raises(StoreUnavailableError):
            await gone.verdicts("icons")
        prefix = f"verdicts-{next(PREFIXES)}:"
        store = SharedVerdicts(redis.url, 9, prefix)
        await store.put([ONE])
        with redis.client() as client:
            client.hset(f"{prefix}verdicts:icons:served", "other thing", "[]")
            client.set(f"{prefix}verdict_count", "many")
            client.hset(f"{prefix}draws:a", "0", "much")
        assert await store.verdicts("icons") == [ONE]
        assert await store.draws("a") == []
        await store.close()

    asyncio.run(run())


@pytest.mark.parametrize("content", [b"not a database, but long enough to be taken for one" * 40])
def test_another_file_in_its_place_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(StoreDamagedError, match="damaged"):
        asyncio.run(VerdictFile.open(tmp_path, 9))
    assert (tmp_path / NAME).read_bytes() == content


def test_the_file_is_ours_alone(tmp_path: Path) -> None:
    async def run() -> None:
        store = await VerdictFile.open(tmp_path / "verdicts", 9)
        modes = [os.stat(each).st_mode & 0o777 for each in (tmp_path / "verdicts").iterdir()]
        assert {*modes} == {0o600}
        await store.close()

    asyncio.run(run())


@pytest.mark.parametrize("id", ["drw_0123456789abcdef_1", "drw_0123456789abcdef_12345678"])
def test_a_draw_is_read_from_its_id(id: str) -> None:
    draw = Draw.of(id)
    assert draw is not None
    assert draw.id == id


@pytest.mark.parametrize("id", ["", "drw_", "drw_0123456789ABCDEF_1", "drw_0123456789abcdef_", "x"])
def test_other_texts_are_no_draws(id: str) -> None:
    assert Draw.of(id) is None
