import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from benchmarks.serving.load import Call, Reply, play

Answer = Callable[[dict[str, Any]], Awaitable[tuple[int, bytes, str]]]

CLOCK_S = 0.005
"""Timers of the event loop may go off early by their resolution."""


class Stub:
    """An ASGI server that notes when each request came and answers as it is told."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.arrived: dict[int, float] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (message := await receive()).get("more_body"):
            body += message["body"]
        sent = json.loads(body + message["body"])
        self.arrived[sent["number"]] = time.monotonic()
        status, content, kind = await self.answer(sent)
        headers = [(b"content-type", kind.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


def run(stub: Stub, times: list[float], patience: float, **more: Any) -> list[Reply]:
    async def all_of_it() -> list[Reply]:
        transport = httpx.ASGITransport(stub)
        async with httpx.AsyncClient(transport=transport, base_url="http://stub") as client:
            calls = [Call(at, {"number": number}) for number, at in enumerate(times)]
            return await play(client, "/generate", calls, patience, **more)

    return asyncio.run(all_of_it())


def noting(due: dict[int, float]) -> Callable[[dict[str, Any], float], Any]:
    def note(body: dict[str, Any], then: float) -> dict[str, Any]:
        due[body["number"]] = then
        return body

    return note


async def quick(sent: dict[str, Any]) -> tuple[int, bytes, str]:
    return 200, json.dumps({"number": sent["number"]}).encode(), "application/json"


def test_a_slow_server_does_not_slow_the_arrivals() -> None:
    answered = asyncio.Event()

    async def only_once_all_have_come(sent: dict[str, Any]) -> tuple[int, bytes, str]:
        if len(stub.arrived) == len(times):
            answered.set()
        await answered.wait()
        return await quick(sent)

    # A generator that waited for answers would never send the second request.
    times = [0.02 * number for number in range(20)]
    due: dict[int, float] = {}
    stub = Stub(only_once_all_have_come)
    replies = run(stub, times, patience=60, prepare=noting(due))
    assert [reply.status for reply in replies] == [200] * 20
    for number, (at, reply) in enumerate(zip(times, replies, strict=True)):
        assert due[number] - due[0] == pytest.approx(at)
        assert stub.arrived[number] >= due[number] - CLOCK_S
        assert reply.latency >= times[-1] - at - CLOCK_S


def test_latency_counts_from_when_the_call_was_due() -> None:
    async def blocking(sent: dict[str, Any]) -> tuple[int, bytes, str]:
        # Stops the generator's own loop, as an overloaded client would be.
        time.sleep(0.2)
        return await quick(sent)

    due: dict[int, float] = {}
    stub = Stub(blocking)
    replies = run(stub, [0.0, 0.05], patience=60, prepare=noting(due))
    for number, reply in enumerate(replies):
        assert reply.latency >= stub.arrived[number] - due[number] + 0.2 - CLOCK_S
        assert reply.late <= stub.arrived[number] - due[number]


def test_replies_come_in_the_order_of_the_calls() -> None:
    replies = run(Stub(quick), [0.05, 0.0, 0.02], patience=60)
    assert [reply.document["number"] for reply in replies] == [0, 1, 2]


def test_those_not_answered_before_the_cut_off_are_given_up() -> None:
    async def never_the_second(sent: dict[str, Any]) -> tuple[int, bytes, str]:
        if sent["number"] == 1:
            await asyncio.Event().wait()
        return await quick(sent)

    first, second = run(Stub(never_the_second), [0.0, 0.0], patience=0.5)
    assert first.status == 200
    assert second == Reply(0, float("inf"), 0.0)


def test_refusals_keep_their_status_and_type() -> None:
    async def refuse(sent: dict[str, Any]) -> tuple[int, bytes, str]:
        if sent["number"] == 0:
            return 429, b'{"type": "urn:problem:queue-full"}', "application/problem+json"
        return 504, b"late", "text/plain"

    full, late = run(Stub(refuse), [0.0, 0.0], patience=60)
    assert (full.status, full.reason, full.document) == (429, "429 queue-full", None)
    assert (late.status, late.reason) == (504, "504")


def test_a_broken_connection_is_no_answer() -> None:
    async def broken(sent: dict[str, Any]) -> tuple[int, bytes, str]:
        raise httpx.ReadError("gone")

    (reply,) = run(Stub(broken), [0.0], patience=60)
    assert reply.status == 0
    assert reply.latency == float("inf")


def test_bodies_are_prepared_with_their_due_time() -> None:
    seen = []

    async def look(sent: dict[str, Any]) -> tuple[int, bytes, str]:
        seen.append(sent["sent"])
        return await quick(sent)

    run(Stub(look), [0.0, 0.3], 60, prepare=lambda body, due: {**body, "sent": due})
    assert abs(seen[1] - seen[0] - 0.3) < 1e-6


def test_nothing_to_play() -> None:
    assert run(Stub(quick), [], patience=60) == []
