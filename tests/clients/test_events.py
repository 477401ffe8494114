"""Streams of server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from sureflow_client import (
    APIConnectionError,
    APITimeoutError,
    Client,
    Completed,
    Queued,
    SampleEvent,
    ServerError,
    Started,
    Step,
    UnexpectedResponse,
)

Answering = Callable[..., Client]
EVENT_STREAM = {"Content-Type": "text/event-stream; charset=utf-8"}
HEAD = {"id": "req_1", "model": "ring", "model_version": "sha256:0123", "seed": 7, "n": 1}
USAGE = {"evaluations": 40, "evaluations_saved": 0, "queue_s": 0.1, "compute_s": 0.2}
PROBLEM = {"type": "urn:sureflow:problem:request-failed", "status": 500, "title": "No samples"}


class Chunks(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that comes in pieces, may break, and knows whether it was closed."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks = chunks
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


def message(number: int, name: str, data: object) -> bytes:
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()


@pytest.fixture
def messages(sample_document: Callable[..., dict[str, Any]]) -> list[bytes]:
    return [
        message(0, "queued", HEAD),
        message(1, "started", {"n": 1}),
        message(2, "step", {"index": 0, "step": 10, "t": 0.5}),
        message(3, "sample", sample_document()),
        message(4, "completed", {**HEAD, "usage": USAGE}),
    ]


def serve(answering: Answering, *chunks: bytes | Exception) -> tuple[Client, Chunks]:
    body = Chunks(*chunks)
    return answering(lambda request: httpx.Response(200, headers=EVENT_STREAM, stream=body)), body


def test_events_are_typed_and_in_order(answering: Answering, messages: list[bytes]) -> None:
    client, body = serve(answering, *messages)
    queued, started, step, sample, completed = client.stream("ring")
    assert isinstance(queued, Queued)
    assert (queued.id, queued.model, queued.seed, queued.n) == ("req_1", "ring", 7, 1)
    assert isinstance(started, Started)
    assert started.n == 1
    assert isinstance(step, Step)
    assert (step.index, step.step, step.t) == (0, 10, 0.5)
    assert isinstance(sample, SampleEvent)
    assert sample.sample.array().tolist() == [0.5, -1.25]
    assert isinstance(completed, Completed)
    assert completed.usage.evaluations == 40
    assert body.closed


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_events_may_be_cut_anywhere(size: int, answering: Answering, messages: list[bytes]) -> None:
    whole = b"".join(messages)
    chunks = [whole[start : start + size] for start in range(0, len(whole), size)]
    client, _ = serve(answering, *chunks)
    assert len(list(client.stream("ring"))) == len(messages)


def test_heartbeats_and_newer_events_are_passed_over(
    answering: Answering, messages: list[bytes]
) -> None:
    chunks = [chunk for event in messages for chunk in (event, b": ping\n\n")]
    client, _ = serve(answering, message(9, "novelty", [1]), b": ping\n\n", *chunks)
    assert len(list(client.stream("ring"))) == len(messages)


def test_the_stream_is_asked_for(answering: Answering, messages: list[bytes]) -> None:
    accepts: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        accepts.append(request.headers["Accept"])
        return httpx.Response(200, headers=EVENT_STREAM, stream=Chunks(*messages))

    list(answering(handler).stream("ring"))
    assert accepts == ["text/event-stream"]


def test_an_error_event_is_raised(answering: Answering, messages: list[bytes]) -> None:
    client, body = serve(answering, messages[0], message(1, "error", PROBLEM))
    events = client.stream("ring")
    assert isinstance(next(events), Queued)
    with pytest.raises(ServerError, match="500 No samples"):
        next(events)
    assert body.closed


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        ((), APIConnectionError),
        ((b"event: comp",), APIConnectionError),
        ((httpx.ReadError("reset"),), APIConnectionError),
        ((httpx.RemoteProtocolError("incomplete"),), APIConnectionError),
        ((httpx.ReadTimeout("silence"),), APITimeoutError),
        ((b"event: step\ndata: {}\n\n",), UnexpectedResponse),
        ((b"event: step\ndata: {\n\n",), UnexpectedResponse),
        ((b"event: error\ndata: oops\n\n",), UnexpectedResponse),
        ((b"event: error\ndata: {}\n\n",), ServerError),
    ],
)
def test_a_stream_that_ends_badly_never_ends_silently(
    trouble: tuple[bytes | Exception, ...],
    error: type[Exception],
    answering: Answering,
    messages: list[bytes],
) -> None:
    client, body = serve(answering, *messages[:3], *trouble)
    events = client.stream("ring")
    assert [type(next(events)) for _ in range(3)] == [Queued, Started, Step]
    with pytest.raises(error) as caught:
        next(events)
    assert caught.type is error
    assert body.closed


def test_an_answer_that_is_no_stream_is_named(answering: Answering) -> None:
    client = answering(lambda request: httpx.Response(200, json={}))
    with pytest.raises(UnexpectedResponse, match="application/json"):
        list(client.stream("ring"))


def test_leaving_early_hangs_up(answering: Answering, messages: list[bytes]) -> None:
    client, body = serve(answering, *messages)
    events = client.stream("ring")
    next(events)
    assert not body.closed
    events.close()
    assert body.closed


def test_nothing_is_sent_before_the_first_event_is_asked_for(answering: Answering) -> None:
    client = answering(lambda request: httpx.Response(500))
    events = client.stream("ring")
    with pytest.raises(ServerError):
        next(events)
