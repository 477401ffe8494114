from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from httpx_sse import connect_sse

from sureflow_server.api.answer_budget import AnswerBudget
from sureflow_server.api.stream import _written
from tests.server.running import Server, eventually

Events = list[tuple[str, dict[str, Any]]]


def events_of(server: Server, **body: Any) -> Events:
    with connect_sse(server.client, "POST", "/v1/generate", json=body) as source:
        assert source.response.headers["content-type"].startswith("text/event-stream")
        received = list(source.iter_sse())
    assert [event.id for event in received] == [str(number) for number in range(len(received))]
    return [(event.event, json.loads(event.data)) for event in received]


def named(events: Events, name: str) -> list[dict[str, Any]]:
    return [data for event, data in events if event == name]


def test_order_and_contents(server: Server) -> None:
    body: dict[str, Any] = {"n": 5, "seed": 8, "sampler": {"steps": 300}}
    events = events_of(server, **body)
    names = [name for name, _ in events]
    assert names[:2] == ["queued", "started"]
    assert names[-1] == "completed"
    assert set(names[2:-1]) == {"step", "sample"}
    plain = server.generate(**body)
    head = events[0][1]
    assert head["n"] == 5
    assert (head["model_version"], head["seed"]) == (plain["model_version"], 8)
    samples = sorted(named(events, "sample"), key=lambda sample: int(sample["index"]))
    assert samples == plain["samples"]
    assert events[-1][1]["id"] == head["id"]
    assert events[-1][1]["usage"]["evaluations"] == plain["usage"]["evaluations"]


def test_steps_go_forward(server: Server) -> None:
    events = events_of(server, seed=8, sampler={"method": "rk4", "steps": 500})
    steps = named(events, "step")
    assert steps
    assert [step["step"] for step in steps] == sorted(step["step"] for step in steps)
    assert all(step["index"] == 0 and step["t"] == step["step"] / 500 <= 1 for step in steps)


def test_samples_arrive_as_they_finish(server: Server) -> None:
    """More lanes than a tick has rows: the first are there before the last have begun."""
    events = events_of(server, n=150, seed=8, sampler={"steps": 100})
    names = [name for name, _ in events]
    assert names.count("sample") == 150
    first = names.index("sample")
    assert "step" in names[first:], "the last still run when the first are out"


def test_a_wrong_request_is_a_problem_and_no_stream(server: Server) -> None:
    response = server.client.post(
        "/v1/generate", json={"n": 0}, headers={"Accept": "text/event-stream"}
    )
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


def test_leaving_a_stream_frees_its_lanes(server: Server) -> None:
    body = {"n": 8, "seed": 1, "sampler": {"method": "rk4", "steps": 600}}
    labels = {"model": "points", "operation": "generate", "outcome": "cancelled"}
    before = server.metric("sureflow_requests_total", **labels)
    with connect_sse(server.client, "POST", "/v1/generate", json=body) as source:
        events = source.iter_sse()
        assert next(events).event == "queued"
        eventually(lambda: server.metric("sureflow_num_samples_running", model="points") == 8)
    eventually(lambda: server.metric("sureflow_num_samples_running", model="points") == 0)
    eventually(lambda: server.metric("sureflow_requests_total", **labels) == before + 1)


def test_events_on_the_wire_are_as_ever() -> None:
    """Lines end as the library that wrote them once ended them, and what is no ASCII is escaped."""

    async def told() -> AsyncGenerator[tuple[int | None, str, bytes], None]:
        yield 0, "sample", '{"unit":"Å²😀"}'.encode()
        yield None, "step", b'{"t":0.5}'

    async def written() -> bytes:
        claim = AnswerBudget(1 << 20).open("a")
        return b"".join([part async for part in _written(told(), claim)])

    assert asyncio.run(written()) == (
        b"id: 0\r\nevent: sample\r\n"
        b'data: {"unit":"\\u00c5\\u00b2\\ud83d\\ude00"}\r\n\r\n'
        b'event: step\r\ndata: {"t":0.5}\r\n\r\n'
    )
