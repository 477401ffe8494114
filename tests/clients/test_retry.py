"""When a request is sent again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from sureflow_client import (
    APIConnectionError,
    APITimeoutError,
    Client,
    ModelFailed,
    NotReady,
    QueueFull,
    Retry,
    ServerError,
    UnexpectedResponse,
)
from sureflow_client._retry import retry_after

Answering = Callable[..., Client]
QUICK = Retry(attempts=2, backoff=0.002)


class Script:
    """Answers requests by a list of outcomes, and remembers the requests."""

    def __init__(self, *outcomes: httpx.Response | Exception) -> None:
        self.outcomes = list(outcomes)
        self.bodies: list[bytes] = []
        self.keys: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(request.content)
        self.keys.append(request.headers.get("Idempotency-Key"))
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return httpx.Response(outcome.status_code, headers=outcome.headers, text=outcome.text)


def refusal(
    status: int, retry_after: str | None = None, kind: str = "queue-full"
) -> httpx.Response:
    headers = {"Content-Type": "application/problem+json"}
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    document = {"type": f"urn:sureflow:problem:{kind}", "status": status, "title": "No"}
    return httpx.Response(status, json=document, headers=headers)


@pytest.mark.parametrize(
    "trouble",
    [
        refusal(429, "0"),
        refusal(503, "0", "not-ready"),
        httpx.Response(503, text="upstream is away"),
        httpx.Response(500, text="Internal Server Error"),
        httpx.Response(502, text="upstream is gone"),
        httpx.Response(504, text="upstream is silent"),
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("unreachable"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("disconnected"),
    ],
    ids=lambda trouble: getattr(trouble, "status_code", type(trouble).__name__),
)
def test_a_refused_or_lost_request_is_repeated_unchanged(
    trouble: httpx.Response | Exception,
    answering: Answering,
    answer: Callable[..., dict[str, Any]],
) -> None:
    script = Script(trouble, httpx.Response(200, json=answer()))
    result = answering(script, retry=QUICK).generate("ring")
    assert result.id == "req_1"
    assert len(script.bodies) == 2
    assert script.bodies[0] == script.bodies[1]
    assert script.keys[0] == script.keys[1] is not None


def test_the_repetitions_are_bounded(answering: Answering) -> None:
    script = Script(*[refusal(429, "0") for _ in range(9)])
    with pytest.raises(QueueFull) as caught:
        answering(script, retry=QUICK).generate("ring")
    assert len(script.bodies) == 3
    assert caught.value.retry_after == 0.0


def test_lost_connections_end_in_a_connection_error(answering: Answering) -> None:
    script = Script(*[httpx.ConnectError("refused") for _ in range(9)])
    with pytest.raises(APIConnectionError, match="http://server: refused"):
        answering(script, retry=QUICK).models()
    assert len(script.bodies) == 3


def test_a_slow_server_is_not_asked_again(answering: Answering) -> None:
    script = Script(httpx.ReadTimeout("slow"))
    with pytest.raises(APITimeoutError, match="slow"):
        answering(script, retry=QUICK).generate("ring")
    assert len(script.bodies) == 1


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (refusal(500, kind="internal"), ServerError),
        (refusal(503, kind="model-failed"), ModelFailed),
        (refusal(429, "3600"), QueueFull),
        (refusal(503, "3600", "draining"), NotReady),
    ],
    ids=["internal", "model failed", "busy for long", "away for long"],
)
def test_what_waiting_will_not_cure_is_raised_at_once(
    response: httpx.Response, error: type[Exception], answering: Answering
) -> None:
    script = Script(response)
    with pytest.raises(error):
        answering(script, retry=QUICK).generate("ring")
    assert len(script.bodies) == 1


def test_every_request_has_a_key_of_its_own(
    answering: Answering, answer: Callable[..., dict[str, Any]]
) -> None:
    script = Script(*[httpx.Response(200, json=answer()) for _ in range(2)])
    client = answering(script)
    client.generate("ring", seed=1)
    client.generate("ring", seed=1)
    assert len({*script.keys, None}) == 3


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.generate("ring"),
        lambda client: client.edit("hdl_1"),
        lambda client: client.invert([[0.0, 1.0]], "ring"),
        lambda client: client.jobs.generate("ring"),
        lambda client: client.jobs.edit("hdl_1"),
        lambda client: client.jobs.invert([[0.0, 1.0]], "ring"),
    ],
    ids=["generate", "edit", "invert", "jobs.generate", "jobs.edit", "jobs.invert"],
)
def test_whatever_makes_something_is_repeated_with_its_key(
    ask: Callable[[Client], Any], answering: Answering
) -> None:
    script = Script(refusal(503, "0", "not-ready"), refusal(500, kind="internal"))
    with pytest.raises(ServerError):
        ask(answering(script, retry=QUICK))
    assert script.bodies[0] == script.bodies[1] != b""
    assert script.keys[0] == script.keys[1] is not None


def test_what_has_no_key(answering: Answering, answer: Callable[..., dict[str, Any]]) -> None:
    script = Script(
        httpx.Response(200, json={"models": []}),
        httpx.Response(200, json={"name": "ring", "state": "ready", "default": True}),
        httpx.Response(200, json={}),
        httpx.Response(200, json=answer()),
    )
    client = answering(script)
    client.models()
    client.load_model("ring")
    with pytest.raises(UnexpectedResponse):
        list(client.stream("ring"))
    client.with_options(retry=Retry(keyed=False)).generate("ring")
    assert script.keys == [None] * 4


def test_options_are_those_of_a_copy(answering: Answering) -> None:
    script = Script(*[refusal(429, "0") for _ in range(4)])
    client = answering(script, retry=QUICK)
    with pytest.raises(QueueFull):
        client.with_options(retry=Retry(attempts=0)).generate("ring")
    assert len(script.bodies) == 1
    with pytest.raises(QueueFull):
        client.generate("ring")
    assert len(script.bodies) == 4


def test_streams_are_repeated_until_they_begin(answering: Answering) -> None:
    script = Script(refusal(429, "0"), refusal(503, kind="model-failed"))
    with pytest.raises(ModelFailed):
        list(answering(script, retry=QUICK).stream("ring"))
    assert len(script.bodies) == 2


def test_the_wait_is_at_least_what_the_server_asks() -> None:
    retry = Retry(attempts=1, backoff=0.5, longest=30)
    assert retry.after_response(refusal(429, "7"), 0) == 7.0
    assert retry.after_response(refusal(429, "7"), 1) is None
    assert retry.after_response(refusal(429, "31"), 0) is None


def test_backoff_doubles_is_jittered_and_has_a_ceiling() -> None:
    retry = Retry(attempts=8, backoff=1.0, longest=5.0)
    error = httpx.ConnectError("refused")
    for attempt, ceiling in enumerate([1.0, 2.0, 4.0, 5.0, 5.0]):
        waits = [retry.after_error(error, attempt) or 0.0 for _ in range(50)]
        assert len(set(waits)) > 1
        assert all(ceiling / 2 <= wait <= ceiling for wait in waits)


def test_retry_after_as_a_date() -> None:
    when = datetime.now(UTC) + timedelta(seconds=100)
    seconds = retry_after({"Retry-After": format_datetime(when, usegmt=True)})
    assert seconds is not None
    assert 0 < seconds <= 100
    assert retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 -0000"}) == 0.0


@pytest.mark.parametrize(
    ("exact", "seconds"), [("250", 0.25), ("0", 0.0), ("12345", 12.345), ("", 1.0), ("1.5", 1.0)]
)
def test_milliseconds_go_before_seconds(exact: str, seconds: float) -> None:
    assert retry_after({"Retry-After": "1", "Retry-After-Ms": exact}) == seconds


@pytest.mark.parametrize("value", ["", "soon", "-3", "1.5"])
def test_unreadable_retry_after_is_ignored(value: str) -> None:
    assert retry_after({"Retry-After": value}) is None
