"""Answers kept for a second sending, against a clock that stands still until it is moved."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from fastapi.responses import JSONResponse, Response, StreamingResponse
from hypothesis import given
from hypothesis import strategies as st

from sureflow_server.replays import OVERHEAD_BYTES, REPLAYED, Replays, ReusedKeyError

Work = Callable[[], Awaitable[Response]]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Worker:
    """Answers with its body, and counts how often it was asked to."""

    def __init__(self, body: bytes = b"done", status: int = 200) -> None:
        self.calls = 0
        self.body = body
        self.status = status

    async def __call__(self) -> Response:
        self.calls += 1
        return Response(self.body, self.status, {"X-Sureflow-Record": "r"}, "image/png")


def once(replays: Replays, work: Work, owner: str = "a", key: str = "k") -> Response:
    return asyncio.run(replays.once(owner, key, b"f", work))


def test_the_second_answer_is_the_first() -> None:
    replays, worker = Replays(10**6, 60), Worker(b"\x00\xff")
    first, second = once(replays, worker), once(replays, worker)
    assert worker.calls == 1
    assert (second.status_code, second.body) == (first.status_code, first.body)
    assert dict(second.headers) == {**first.headers, REPLAYED.lower(): "true"}


@pytest.mark.parametrize("status", [400, 422, 429, 499, 500, 503, 504])
def test_what_is_no_success_leaves_the_key_free(status: int) -> None:
    replays, worker = Replays(10**6, 60), Worker(status=status)
    once(replays, worker)
    once(replays, worker)
    assert (worker.calls, replays.size) == (2, 0)


def test_a_failure_leaves_the_key_free() -> None:
    replays = Replays(10**6, 60)

    async def fail() -> Response:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        once(replays, fail)
    assert replays.busy("a", "k", b"f") is None
    assert once(replays, Worker()).body == b"done"


def test_a_stream_is_not_kept() -> None:
    replays = Replays(10**6, 60)

    async def stream() -> Response:
        return StreamingResponse(iter([b"x"]))

    once(replays, stream)
    assert replays.size == 0


def test_another_request_under_the_same_key_is_refused() -> None:
    async def scene() -> None:
        replays, hold = Replays(10**6, 60), asyncio.Event()

        async def work() -> Response:
            await hold.wait()
            return JSONResponse({})

        running = asyncio.create_task(replays.once("a", "k", b"f", work))
        await asyncio.sleep(0)
        with pytest.raises(ReusedKeyError):
            replays.busy("a", "k", b"other")
        assert replays.busy("b", "k", b"other") is None
        hold.set()
        await running
        with pytest.raises(ReusedKeyError):
            await replays.once("a", "k", b"other", Worker())
        assert (await replays.once("b", "k", b"other", Worker())).body == b"done"

    asyncio.run(scene())


def test_who_asks_meanwhile_waits_and_takes_over_what_failed() -> None:
    async def scene() -> None:
        replays, hold, worker = Replays(10**6, 60), asyncio.Event(), Worker()

        async def fail() -> Response:
            await hold.wait()
            raise ZeroDivisionError

        async def ask() -> Response:
            while busy := replays.busy("a", "k", b"f"):
                await busy.wait()
            return await replays.once("a", "k", b"f", worker)

        first = asyncio.create_task(replays.once("a", "k", b"f", fail))
        await asyncio.sleep(0)
        others = [asyncio.create_task(ask()) for _ in range(20)]
        await asyncio.sleep(0)
        assert worker.calls == 0
        hold.set()
        answers = await asyncio.gather(*others)
        with pytest.raises(ZeroDivisionError):
            await first
        assert worker.calls == 1
        assert {answer.body for answer in answers} == {b"done"}
        assert sum(REPLAYED not in answer.headers for answer in answers) == 1

    asyncio.run(scene())


def test_a_cancelled_request_leaves_the_key_free() -> None:
    async def scene() -> None:
        replays = Replays(10**6, 60)

        async def endless() -> Response:
            await asyncio.Event().wait()
            raise AssertionError

        running = asyncio.create_task(replays.once("a", "k", b"f", endless))
        await asyncio.sleep(0)
        busy = replays.busy("a", "k", b"f")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert busy is not None
        assert busy.is_set()
        assert replays.busy("a", "k", b"f") is None

    asyncio.run(scene())


def test_answers_have_a_lifetime() -> None:
    clock, worker = Clock(), Worker()
    replays = Replays(10**6, 60, clock)
    once(replays, worker)
    clock.now = 59.9
    once(replays, worker)
    assert worker.calls == 1
    clock.now = 60
    once(replays, worker)
    assert worker.calls == 2


def test_one_owner_cannot_drive_out_another() -> None:
    replays, mine = Replays(10 * (OVERHEAD_BYTES + 1000), 60), Worker(b"x" * 900)
    once(replays, mine, "modest")
    for number in range(100):
        once(replays, Worker(b"x" * 900), "greedy", str(number))
    once(replays, mine, "modest")
    assert mine.calls == 1


def test_an_answer_too_large_to_keep_drives_out_nothing() -> None:
    replays, small, large = Replays(10_000, 60), Worker(), Worker(b"x" * 20_000)
    once(replays, small)
    for _ in range(2):
        once(replays, large, key="large")
    once(replays, small)
    assert (small.calls, large.calls) == (1, 2)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.sampled_from("123456"),
            st.integers(0, 4000),
            st.floats(0, 30),
        ),
        max_size=60,
    )
)
def test_memory_is_bounded_and_answers_are_never_mixed_up(
    requests: list[tuple[str, str, int, float]],
) -> None:
    """Each answer says whose it is and when it was made."""
    clock = Clock()
    replays = Replays(12_000, 60, clock)
    for owner, key, size, pause in requests:
        clock.now += pause
        stamp = f"{owner} {key} {clock.now} ".encode()
        body = once(replays, Worker(stamp + b"x" * size), owner, key).body
        whose, which, when, _ = bytes(body).split(b" ")
        assert (whose.decode(), which.decode()) == (owner, key)
        assert clock.now - 60 < float(when) <= clock.now
        assert 0 <= replays.size <= 12_000
        kept = [answer for answers in replays._kept.values() for answer in answers.values()]
        assert replays.size == sum(answer.size for answer in kept)
