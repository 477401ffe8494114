"""Answers kept for a second sending, against a clock that stands still until it is moved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from fastapi.responses import JSONResponse, Response, StreamingResponse
from hypothesis import given
from hypothesis import strategies as st

from sureflow_server.replays import (
    OVERHEAD_BYTES,
    REPLAYED,
    BusyKeyError,
    Replays,
    ReusedKeyError,
)
from sureflow_server.replicas.lease_store import Entry, LeaseStore
from sureflow_server.store import StoreUnavailableError
from tests.server.replicas.places import AlonePlace, SharedPlace, Sharing
from tests.server.store.places import Clock, redis_server
from tests.server.store.redis_server import RedisServer
from tests.server.store.test_store import run

Place = AlonePlace | SharedPlace
Work = Callable[[], Awaitable[Response]]
ROOMY = 10**6, 60.0


class Worker:
    """Answers with its body, and counts how often it was asked to."""

    def __init__(self, body: bytes = b"done", status: int = 200) -> None:
        self.calls = 0
        self.body = body
        self.status = status

    async def __call__(self) -> Response:
        self.calls += 1
        return Response(self.body, self.status, {"X-Sureflow-Record": "r"}, "image/png")


async def ask(replays: Replays, work: Work, owner: str = "a", key: str = "k") -> Response:
    """As a request does: until nobody else is busy with it."""
    while True:
        try:
            return await replays.replay_or_run(owner, key, b"f", work)
        except BusyKeyError:
            await replays.idle(owner, key)


@run
async def test_the_second_answer_is_the_first(place: Place) -> None:
    async with place.server() as server:
        replays, worker = server.replays(*ROOMY), Worker(b"\x00\xff\n")
        first, second, third = [await ask(replays, worker) for _ in range(3)]
        assert worker.calls == 1
        assert (second.status_code, second.body) == (first.status_code, first.body)
        assert dict(second.headers) == {**first.headers, REPLAYED.lower(): "true"}
        assert third.raw_headers == second.raw_headers


@pytest.mark.parametrize("status", [400, 422, 429, 499, 500, 503, 504])
@run
async def test_what_is_no_success_leaves_the_key_free(place: Place, status: int) -> None:
    async with place.server() as server:
        replays, worker = server.replays(*ROOMY), Worker(status=status)
        await ask(replays, worker)
        await ask(replays, worker)
        assert (worker.calls, replays.size) == (2, 0)


@run
async def test_a_failure_leaves_the_key_free(place: Place) -> None:
    async def fail() -> Response:
        raise ZeroDivisionError

    async with place.server() as server:
        replays = server.replays(*ROOMY)
        with pytest.raises(ZeroDivisionError):
            await ask(replays, fail)
        assert (await ask(replays, Worker())).body == b"done"


@run
async def test_a_stream_is_not_kept(place: Place) -> None:
    async def stream() -> Response:
        return StreamingResponse(iter([b"x"]))

    async with place.server() as server:
        replays, worker = server.replays(*ROOMY), Worker()
        await ask(replays, stream)
        await ask(replays, worker)
        assert worker.calls == 1


@run
async def test_another_request_under_the_same_key_is_refused(place: Place) -> None:
    hold = asyncio.Event()

    async def work() -> Response:
        await hold.wait()
        return JSONResponse({})

    async with place.server() as server, place.server() as other:
        replays = server.replays(*ROOMY)
        second = other.replays(*ROOMY) if isinstance(place, SharedPlace) else replays
        running = asyncio.create_task(replays.replay_or_run("a", "k", b"f", work))
        await begun(replays)
        for each in (replays, second):
            with pytest.raises(ReusedKeyError):
                await each.replay_or_run("a", "k", b"other", Worker())
        hold.set()
        await running
        for each in (replays, second):
            with pytest.raises(ReusedKeyError):
                await each.replay_or_run("a", "k", b"other", Worker())
            assert (await each.replay_or_run("b", "k", b"other", Worker())).body == b"done"


async def begun(replays: Replays) -> None:
    """Wait until a request under the key has got as far as its work."""
    await asyncio.sleep(0)
    with pytest.raises(BusyKeyError):
        await replays.replay_or_run("a", "k", b"f", Worker())
    await asyncio.sleep(0.05)


@run
async def test_who_asks_meanwhile_waits_and_takes_over_what_failed(place: Place) -> None:
    hold, worker = asyncio.Event(), Worker()

    async def fail() -> Response:
        await hold.wait()
        raise ZeroDivisionError

    async with place.server() as server, place.server() as other:
        replays = [server.replays(*ROOMY)]
        if isinstance(place, SharedPlace):
            replays.append(other.replays(*ROOMY))
        first = asyncio.create_task(replays[0].replay_or_run("a", "k", b"f", fail))
        await begun(replays[0])
        others = [asyncio.create_task(ask(replays[n % len(replays)], worker)) for n in range(20)]
        await asyncio.sleep(0.1)
        assert worker.calls == 0
        hold.set()
        answers = await asyncio.gather(*others)
        with pytest.raises(ZeroDivisionError):
            await first
        assert worker.calls == 1
        assert {answer.body for answer in answers} == {b"done"}
        assert sum(REPLAYED not in answer.headers for answer in answers) == 1


@run
async def test_a_cancelled_request_leaves_the_key_free(place: Place) -> None:
    async def endless() -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with place.server() as server:
        replays = server.replays(*ROOMY)
        running = asyncio.create_task(replays.replay_or_run("a", "k", b"f", endless))
        await begun(replays)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert (await ask(replays, Worker())).body == b"done"


@run
async def test_answers_have_a_lifetime(place: Place) -> None:
    clock, worker = Clock(), Worker()
    async with place.server(clock) as server:
        replays = server.replays(*ROOMY)
        for later, calls in ((0, 1), (59.9, 1), (0.1, 2)):
            clock.now += later
            await ask(replays, worker)
            assert worker.calls == calls


@run
async def test_one_owner_cannot_drive_out_another(place: Place) -> None:
    async with place.server() as server:
        replays = server.replays(10 * (OVERHEAD_BYTES + 1200), 60)
        mine = Worker(b"x" * 900)
        await ask(replays, mine, "modest")
        for number in range(30):
            await ask(replays, Worker(b"x" * 900), "greedy", str(number))
        await ask(replays, mine, "modest")
        assert mine.calls == 1
        last, first = Worker(), Worker()
        await ask(replays, last, "greedy", "29")
        await ask(replays, first, "greedy", "0")
        assert (last.calls, first.calls) == (0, 1), "the oldest of the greedy one have gone"


@run
async def test_an_answer_too_large_to_keep_drives_out_nothing(place: Place) -> None:
    async with place.server() as server:
        replays = server.replays(10_000, 60)
        small, large = Worker(), Worker(b"x" * 20_000)
        await ask(replays, small)
        for _ in range(2):
            assert len((await ask(replays, large, key="large")).body) == 20_000
        await ask(replays, small)
        assert (small.calls, large.calls) == (1, 2)


Requests = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from("123456"), st.integers(0, 4000), st.floats(0, 30)
    ),
    max_size=60,
)


@given(Requests)
def test_memory_is_bounded_and_answers_are_never_mixed_up(
    requests: list[tuple[str, str, int, float]],
) -> None:
    """Each answer says whose it is and when it was made."""
    clock = Clock(0.0)
    replays = Replays(12_000, 60, clock)
    for owner, key, size, pause in requests:
        clock.now += pause
        stamp = f"{owner} {key} {clock.now} ".encode()
        body = asyncio.run(ask(replays, Worker(stamp + b"x" * size), owner, key)).body
        whose, which, when, _ = bytes(body).split(b" ")
        assert (whose.decode(), which.decode()) == (owner, key)
        assert clock.now - 60 < float(when) <= clock.now
        assert 0 <= replays.size <= 12_000
        kept = [pair[0] for answers in replays._kept.values() for pair in answers.values()]
        assert replays.size == sum(answer.size for answer in kept)


@run
async def test_redis_never_keeps_more_and_never_mixes_up(shared: SharedPlace) -> None:
    """The same over two servers; counts in Redis are those of what is there."""
    most, clock = 12_000, Clock(0.0)
    async with shared.server(clock) as one, shared.server(clock) as two:
        replays = [server.replays(most, 60) for server in (one, two)]
        with shared.redis.client() as client:

            async def check(requests: list[tuple[str, str, int, float]]) -> None:
                for number, (owner, key, size, pause) in enumerate(requests):
                    clock.now += pause
                    work = Worker(f"{owner} {key} {clock.now} ".encode() + b"x" * size)
                    body = (await ask(replays[number % 2], work, owner, key)).body
                    whose, which, when, _ = bytes(body).split(b" ")
                    assert (whose.decode(), which.decode()) == (owner, key)
                    assert clock.now - 60 < float(when) <= clock.now
                    total = int(client.get(f"{shared.prefix}replays:total") or 0)
                    sizes = client.zrange(f"{shared.prefix}replays:sizes", 0, -1, withscores=True)
                    entries = client.keys(f"{shared.prefix}replays:entry:*")
                    assert total == sum(size for _, size in sizes) <= most
                    assert len(entries) == len(sizes)

            for example in range(12):
                await check(sequence(example))


def sequence(seed: int) -> list[tuple[str, str, int, float]]:
    from random import Random

    rng = Random(seed)
    return [
        (rng.choice("abc"), rng.choice("123456"), rng.randrange(4000), rng.uniform(0, 30))
        for _ in range(40)
    ]


@run
async def test_another_server_gives_the_answer_of_the_first(shared: SharedPlace) -> None:
    async with shared.server() as one, shared.server() as two:
        first, second = Worker(b"first"), Worker(b"second")
        made = await ask(one.replays(*ROOMY), first)
        again = await ask(two.replays(*ROOMY), second)
        assert (again.body, second.calls) == (b"first", 0)
        assert again.headers[REPLAYED] == "true"
        assert again.headers["content-length"] == made.headers["content-length"]


@run
async def test_what_a_dead_server_had_begun_is_done_by_another(shared: SharedPlace) -> None:
    async def endless() -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with shared.server() as alive, shared.server(lease_s=0.3, beat_s=100) as dying:
        replays = dying.replays(*ROOMY)
        running = asyncio.create_task(replays.replay_or_run("a", "k", b"f", endless))
        await begun(replays)
        worker = Worker()
        answer = await asyncio.wait_for(ask(alive.replays(*ROOMY), worker), 20)
        assert (answer.body, worker.calls) == (b"done", 1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@run
async def test_of_two_that_were_done_the_first_answer_counts(shared: SharedPlace) -> None:
    """A server that was taken for dead finds that another one has answered meanwhile."""
    hold = asyncio.Event()

    async def late() -> Response:
        await hold.wait()
        return Response(b"late")

    async with shared.server() as alive, shared.server(lease_s=0.2, beat_s=100) as hung:
        replays = hung.replays(*ROOMY)
        running = asyncio.create_task(replays.replay_or_run("a", "k", b"f", late))
        await begun(replays)
        assert (await ask(alive.replays(*ROOMY), Worker(b"first"))).body == b"first"
        hold.set()
        assert (await running).body == b"first"


async def handed_in(replica: Sharing, *keys: str) -> None:
    """Wait until everybody can have the answers to these keys."""
    leases = replica.lease_store("replays")
    for key in keys:
        how = "none"
        while how != "kept":
            with suppress(StoreUnavailableError):
                how = (await leases.find("a", key)).how
            await asyncio.sleep(0.02)


def test_what_fails_once_redis_is_back_is_handed_in_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that began while it was gone, at a time when nobody finds it gone any more."""

    async def scene(redis: RedisServer) -> None:
        async with (place := SharedPlace(redis)).server() as one, place.server() as two:
            failures, keep, free = iter(range(3)), LeaseStore.keep, LeaseStore.free

            async def late_keep(*arguments: Any) -> Entry:
                if next(failures, None) is not None:
                    raise StoreUnavailableError("connection reset")
                return await keep(*arguments)

            async def late_free(*arguments: Any) -> None:
                if next(failures, None) is not None:
                    raise StoreUnavailableError("connection reset")
                await free(*arguments)

            monkeypatch.setattr(LeaseStore, "keep", late_keep)
            monkeypatch.setattr(LeaseStore, "free", late_free)
            assert (await ask(one.replays(*ROOMY), Worker())).body == b"done"
            assert not one.link.away
            await handed_in(two, "k")
            assert (await ask(two.replays(*ROOMY), Worker(b"other"))).body == b"done"

    with redis_server() as server:
        asyncio.run(scene(server))


def test_redis_gone_and_back() -> None:
    """Its own answers are known meanwhile, and those of others when it is back."""

    async def scene(redis: RedisServer) -> None:
        place, worker = SharedPlace(redis), Worker()
        async with place.server() as one, place.server() as two:
            ours, theirs = one.replays(*ROOMY), two.replays(*ROOMY)
            hold = asyncio.Event()

            async def held() -> Response:
                await hold.wait()
                return Response(b"held")

            running = asyncio.create_task(ours.replay_or_run("a", "held", b"f", held))
            await asyncio.sleep(0.1)
            redis.kill()
            assert (await ask(ours, worker)).body == b"done"
            assert (await ask(ours, worker)).headers[REPLAYED] == "true"
            assert worker.calls == 1
            hold.set()
            assert (await running).body == b"held"
            redis.start()
            await handed_in(two, "k", "held")
            other = Worker(b"other")
            assert (await ask(theirs, other)).body == b"done", "handed in since"
            assert (await ask(theirs, other, key="held")).body == b"held"
            assert other.calls == 0

    with redis_server() as server:
        asyncio.run(scene(server))
