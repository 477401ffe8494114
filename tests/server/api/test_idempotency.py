"""The header ``Idempotency-Key`` on a running server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.server.conftest import Guarded, add_key
from tests.server.running import Server

SLOW: dict[str, Any] = {"n": 2, "sampler": {"method": "rk4", "steps": 200}}


def post(server: Server, key: str, accept: str = "*/*", **body: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key, "Accept": accept}
    return server.client.post("/v1/generate", json=body, headers=headers)


def requests(server: Server) -> float:
    return server.metric("sureflow_requests_total")


@pytest.mark.parametrize("accept", ["application/json", "application/x-safetensors", "image/png"])
def test_the_same_request_is_done_once(server: Server, accept: str) -> None:
    key, before = uuid4().hex, requests(server)
    body = {"model": "icons", "condition": {"label": 1}}
    first, second = (post(server, key, accept, **body) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.content == second.content, "the seed was drawn, so this was no second run"
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    for name in ("content-type", "x-sureflow-record", "content-length"):
        assert second.headers.get(name) == first.headers.get(name)
    assert requests(server) == before + 1


def test_without_the_header_every_request_is_done(server: Server) -> None:
    assert server.generate()["seed"] != server.generate()["seed"]


@pytest.mark.parametrize(
    "other", [{"seed": 2}, {"seed": 1, "accept": "application/x-safetensors"}], ids=str
)
def test_another_request_under_the_key_is_refused(server: Server, other: dict[str, Any]) -> None:
    key = uuid4().hex
    assert post(server, key, seed=1).status_code == 200
    response = post(server, key, **other)
    assert response.status_code == 422
    assert response.json()["type"] == "urn:sureflow:problem:idempotency-key-reuse"
    assert post(server, key, seed=1).headers["idempotency-replayed"] == "true"


def test_who_asks_meanwhile_gets_the_same_answer(server: Server) -> None:
    key, before = uuid4().hex, requests(server)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: post(server, key, **SLOW), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert requests(server) == before + 1


def test_a_request_that_was_given_up_can_be_sent_again(server: Server) -> None:
    key = uuid4().hex
    with pytest.raises(httpx.ReadTimeout):
        server.client.post(
            "/v1/generate", json=SLOW, headers={"Idempotency-Key": key}, timeout=0.05
        )
    assert post(server, key, **SLOW).status_code == 200


def test_a_refused_request_leaves_the_key_free(server: Server) -> None:
    key = uuid4().hex
    assert post(server, key, n=0).status_code == 422
    assert post(server, key, n=1).status_code == 200


def test_a_stream_takes_no_key(server: Server) -> None:
    response = post(server, uuid4().hex, "text/event-stream")
    assert response.status_code == 406
    assert "Idempotency-Key" in response.json()["detail"]


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "\xe9"])
def test_a_malformed_key_is_named(server: Server, key: str) -> None:
    headers = {"Idempotency-Key": key.encode("latin-1")}
    response = server.client.post("/v1/generate", json={}, headers=headers)
    assert response.status_code == 400
    problem = response.json()
    assert problem["type"] == "urn:sureflow:problem:malformed-header"
    assert problem["errors"][0]["field"] == "Idempotency-Key"


def test_keys_of_different_callers_are_different(guarded: Guarded) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    answers = [
        guarded.request("POST", "/v1/generate", guarded.tokens[name], json={}, headers=headers)
        for name in ("all", "generate", "all")
    ]
    assert answers[0].content == answers[2].content != answers[1].content


def test_what_is_replayed_is_not_charged(guarded: Guarded) -> None:
    token = add_key(guarded.file, "generate", samples_per_minute=0.06)
    headers = {"Idempotency-Key": uuid4().hex}
    for _ in range(3):
        answer = guarded.request("POST", "/v1/generate", token, json={}, headers=headers)
        assert answer.status_code == 200
    assert guarded.request("POST", "/v1/generate", token, json={}).status_code == 429
