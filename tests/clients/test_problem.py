"""Problem documents become errors."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

import sureflow_client as sf
from sureflow_client import _exceptions
from sureflow_client._problem import problem_error
from sureflow_server.api.problems import TITLES, TYPE_PREFIX

Answering = Callable[..., sf.Client]

VALIDATION = {
    "type": "urn:sureflow:problem:validation",
    "title": "The request does not fit its schema",
    "status": 422,
    "detail": "sampler.steps: Input should be greater than or equal to 1",
    "instance": "/v1/generate",
    "request_id": "req_9",
    "errors": [{"field": "sampler.steps", "message": "Input should be greater than or equal to 1"}],
}


def test_every_member_of_a_problem_is_read(answering: Answering) -> None:
    client = answering(lambda request: httpx.Response(422, json=VALIDATION))
    with pytest.raises(sf.InvalidRequest) as caught:
        client.generate("ring", steps=-1)
    error = caught.value
    assert error.status == 422
    assert error.type == VALIDATION["type"]
    assert error.title == VALIDATION["title"]
    assert error.detail == VALIDATION["detail"]
    assert error.request_id == "req_9"
    assert error.fields == ("sampler.steps",)
    assert error.errors[0].message == "Input should be greater than or equal to 1"
    assert str(error) == (
        "422 The request does not fit its schema: sampler.steps: "
        "Input should be greater than or equal to 1 (request req_9)"
    )


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, "malformed-body", sf.InvalidRequest),
        (400, "bad-request", sf.InvalidRequest),
        (401, "unauthorized", sf.AuthenticationError),
        (403, "forbidden", sf.PermissionDenied),
        (408, "body-too-slow", sf.InvalidRequest),
        (414, "uri-too-long", sf.PayloadTooLarge),
        (431, "headers-too-large", sf.PayloadTooLarge),
        (429, "quota-exceeded", sf.LimitExceeded),
        (429, "rate-exceeded", sf.LimitExceeded),
        (404, "not-found", sf.NotFound),
        (404, "unknown-model", sf.UnknownModel),
        (404, "unknown-handle", sf.UnknownHandle),
        (404, "unknown-job", sf.UnknownJob),
        (409, "cancelled", sf.JobCancelled),
        (409, "load-failed", sf.LoadFailed),
        (503, "model-unloaded", sf.ModelUnloaded),
        (409, "version-gone", sf.VersionGone),
        (409, "something-else", sf.Conflict),
        (410, "handle-expired", sf.HandleExpired),
        (410, "handle-damaged", sf.HandleDamaged),
        (410, "something-else", sf.Gone),
        (503, "store-unavailable", sf.StoreUnavailable),
        (507, "store-full", sf.StoreFull),
        (405, "method-not-allowed", sf.InvalidRequest),
        (406, "not-acceptable", sf.InvalidRequest),
        (413, "payload-too-large", sf.PayloadTooLarge),
        (415, "unsupported-media-type", sf.InvalidRequest),
        (418, "teapot", sf.ProblemError),
        (422, "validation", sf.InvalidRequest),
        (429, "queue-full", sf.QueueFull),
        (500, "internal", sf.ServerError),
        (500, "request-failed", sf.ServerError),
        (503, "model-failed", sf.ModelFailed),
        (503, "not-ready", sf.NotReady),
        (503, "draining", sf.NotReady),
        (507, "disk-full", sf.ServerError),
    ],
)
def test_each_type_has_its_class(status: int, kind: str, error: type[sf.ProblemError]) -> None:
    document = {"type": f"urn:sureflow:problem:{kind}", "status": status}
    assert type(problem_error(document)) is error


def test_the_drawn_tree_is_the_tree() -> None:
    found = re.findall(r"^( *)\* (\w+)", _exceptions.__doc__ or "", re.MULTILINE)
    drawn = [(len(indent) // 2, name) for indent, name in found]
    path: list[str] = []
    for depth, name in drawn:
        path[depth:] = [name]
        parent = path[depth - 1] if depth else "Exception"
        first, *others = getattr(sf, name).__bases__
        assert first.__name__ == parent
        assert {*others} <= {TypeError, ValueError}
    errors = {name for name in sf.__all__ if _is_error(getattr(sf, name))}
    assert errors == {name for _, name in drawn}


def _is_error(member: object) -> bool:
    return isinstance(member, type) and issubclass(member, Exception)


def test_no_type_of_the_server_is_without_a_class() -> None:
    for kind, (status, _) in TITLES.items():
        error = problem_error({"type": f"{TYPE_PREFIX}{kind}", "status": status})
        assert type(error) is not sf.ProblemError, kind
        assert isinstance(error, sf.ServerError) == (status >= 500), kind


@pytest.mark.parametrize(
    ("status", "body", "error", "text"),
    [
        (404, '{"detail": "Not Found"}', sf.NotFound, "404 Not Found"),
        (502, "<html>", sf.ServerError, "502 Bad Gateway"),
        (500, '["odd"]', sf.ServerError, "500 Internal Server Error"),
        (422, '{"errors": ["odd", {}]}', sf.InvalidRequest, "422 "),
        (302, "", sf.UnexpectedResponse, "status 302"),
    ],
)
def test_errors_that_are_not_from_sureflow(
    status: int, body: str, error: type[Exception], text: str, answering: Answering
) -> None:
    with pytest.raises(error, match=text):
        answering(lambda request: httpx.Response(status, text=body)).models()


def test_errors_survive_pickling() -> None:
    error = problem_error(VALIDATION, retry_after=3.0)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is sf.InvalidRequest
    assert vars(copy) == vars(error)


@pytest.mark.parametrize(
    "body", ["", "{}", "<html>", '{"id": 3}', "[]"], ids=["empty", "bare", "html", "wrong", "list"]
)
def test_an_answer_that_is_no_result_is_named(body: str, answering: Answering) -> None:
    client = answering(lambda request: httpx.Response(200, text=body))
    with pytest.raises(sf.UnexpectedResponse, match="Result"):
        client.generate("ring")


def test_a_broken_encoding_is_a_connection_error(answering: Answering) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        stream = httpx.ByteStream(b"not gzip")
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=stream)

    with pytest.raises(sf.APIConnectionError):
        answering(handler).models()


def test_unknown_members_are_tolerated(
    answering: Answering, answer: Callable[..., dict[str, Any]]
) -> None:
    client = answering(lambda request: httpx.Response(200, json=answer(novelty={"a": 1})))
    result = client.generate("ring")
    assert result.model_extra == {"novelty": {"a": 1}}
