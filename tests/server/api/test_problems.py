"""Every error is a problem document that says what is wrong, and where."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.running import Server

JSON = {"Content-Type": "application/json"}


def problem(server: Server, status: int, kind: str, **request: Any) -> dict[str, Any]:
    """Send a request and check what all problems have in common."""
    request = {"method": "POST", "url": "/v1/generate", **request}
    response = server.client.request(**request)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["type"] == f"urn:sureflow:problem:{kind}"
    assert document["status"] == status
    assert document["instance"] == request["url"]
    assert document["request_id"] == response.headers["x-request-id"]
    assert "Traceback" not in response.text
    assert server.generate(seed=1)["samples"], "the server must go on serving"
    return document


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"n": 0}, ["n"]),
        ({"n": -1}, ["n"]),
        ({"n": 1025}, ["n"]),
        ({"n": 10**30}, ["n"]),
        ({"n": "4"}, ["n"]),
        ({"n": 1.0}, ["n"]),
        ({"n": True}, ["n"]),
        ({"seed": -1}, ["seed"]),
        ({"seed": 2**63}, ["seed"]),
        ({"model": 3}, ["model"]),
        ({"sampler": {"steps": -5}}, ["sampler.steps"]),
        ({"sampler": {"steps": 1001}}, ["sampler.steps"]),
        ({"sampler": {"method": "magic"}}, ["sampler.method"]),
        ({"sampler": 7}, ["sampler"]),
        ({"condition": {}}, ["condition.label"]),
        ({"condition": {"label": 1.5}}, ["condition.label"]),
        ({"condition": {"label": True}}, ["condition.label"]),
        ({"condition": {"label": 0}}, ["condition.label"]),
        ({"model": "icons", "condition": {"label": 2}}, ["condition.label"]),
        ({"model": "icons", "condition": {"label": -1}}, ["condition.label"]),
        ({"model": "icons", "condition": {"label": "circle"}}, ["condition.label"]),
        ({"guidance": {"scale": 1.5}}, ["guidance.scale"]),
        ({"guidance": {"scale": 101}}, ["guidance.scale"]),
        ({"guidance": {"scale": "1"}}, ["guidance.scale"]),
        ({"confidence": {"method": "vibes"}}, ["confidence.method"]),
        ({"confidence": {"profile": 1}}, ["confidence.profile"]),
        ({"filter": {}}, ["filter"]),
        ({"filter": {"by": "uncertainty", "min": 1, "max": 2}}, ["filter"]),
        ({"filter": {"by": "beauty", "min": 1}}, ["filter.by"]),
        ({"filter": {"by": "confidence", "min": 0.5}}, ["filter.by"]),
        (
            {
                "model": "icons",
                "condition": {"label": 0},
                "guidance": {"scale": 5},
                "filter": {"by": "confidence", "min": 0.5},
            },
            ["filter.by"],
        ),
        ({"filter": {"by": "uncertainty", "max": 1, "action": "replace"}}, ["filter.action"]),
        ({"filter": {"keep": 0.5}}, ["filter.keep"]),
        ({"model": "icons", "filter": {"keep": 0}}, ["filter.keep"]),
        ({"model": "icons", "filter": {"min": 50}}, ["filter.min"]),
        ({"model": "icons", "filter": {"by": "confidence", "max": -0.1}}, ["filter.max"]),
        ({"model": "icons", "filter": {"by": "uncertainty", "keep": 0.5}}, ["filter.keep"]),
        ({"model": "icons", "filter": {"keep": 0.5, "top": 1}}, ["filter"]),
        ({"n": 3, "filter": {"by": "uncertainty", "top": 4}}, ["filter.top"]),
        ({"filter": {"by": "uncertainty", "top": 1, "accept": 2}}, ["filter.accept"]),
        ({"filter": {"by": "uncertainty", "top": 1, "action": "regenerate"}}, ["filter.action"]),
        ({"n": 3, "filter": {"by": "uncertainty", "max": 1, "accept": 4}}, ["n"]),
        ({"filter": {"by": "uncertainty", "max": 1, "accept": 1025}}, ["filter.accept"]),
        ({"filter": {"by": "uncertainty", "max": 1, "accept": 257}}, ["filter.max_attempts"]),
        (
            {"n": 257, "filter": {"by": "uncertainty", "max": 1, "action": "regenerate"}},
            ["filter.max_attempts"],
        ),
        ({"filter": {"by": "uncertainty", "max": 1, "max_attempts": 2}}, ["filter.max_attempts"]),
        ({"filter": {"by": "uncertainty", "max": 1, "early": True}}, ["filter.early"]),
        ({"filter": {"top": 1, "early": True}}, ["filter.early"]),
        ({"filter": {"min": 0.5, "early": "halving"}}, ["filter.early"]),
        (
            {"filter": {"max_bad_rate": 0.1, "accept": 2, "early": "halving"}},
            ["filter.early"],
        ),
        ({"filter": {"top": 1, "early": "half"}}, ["filter.early"]),
        ({"filter": {"top": 1, "early": 1}}, ["filter.early"]),
        (
            {"filter": {"keep": 0.5, "action": "regenerate", "early": "halving"}},
            ["filter.early"],
        ),
        (
            {
                "model": "icons",
                "confidence": {"method": "straightness"},
                "filter": {"min": 0.5, "early": True},
            },
            ["filter.early"],
        ),
        ({"filter": {"max_bad_rate": 0.1}}, ["filter.max_bad_rate"]),
        ({"model": "icons", "filter": {"max_bad_rate": 1}}, ["filter.max_bad_rate"]),
        ({"output": {"format": "png"}}, ["output.format"]),
        ({"output": {"format": "gif"}}, ["output.format"]),
        ({"rewind": True}, ["rewind"]),
        ({"rewind": {"keep": "never"}}, ["rewind.keep"]),
        ({"rewind": {"keep": 0.5}}, ["rewind.keep"]),
        ({"rewind": {"keep": [0.5, 1.0]}}, ["rewind.keep.1"]),
        ({"rewind": {"keep": [0.5] * 65}}, ["rewind.keep"]),
        ({"rewind": {"ttl_s": 0}}, ["rewind.ttl_s"]),
        ({"rewind": {"ttl_s": 1e9}}, ["rewind.ttl_s"]),
        (
            {"sampler": {"method": "euler", "parallel": {"window": 4}}, "rewind": {"keep": []}},
            ["rewind"],
        ),
        (
            {
                "sampler": {"method": "euler", "parallel": {"window": 4}},
                "filter": {"by": "uncertainty", "max": 1, "action": "rewind"},
            },
            ["filter.action"],
        ),
        (
            {"filter": {"by": "uncertainty", "max": 1, "action": "rewind", "accept": 1}},
            ["filter.action"],
        ),
        (
            {"filter": {"by": "uncertainty", "top": 1, "action": "rewind"}},
            ["filter.action"],
        ),
        ({"filter": {"min": 0.5, "action": "rewind", "early": True}}, ["filter.early"]),
        (
            {"filter": {"by": "uncertainty", "max": 1, "action": "rewind", "shift": 1}},
            ["filter.shift"],
        ),
        ({"filter": {"by": "uncertainty", "max": 1, "shift": 0.1}}, ["filter.shift"]),
        (
            {"filter": {"by": "uncertainty", "max": 1, "action": "rewind", "max_attempts": 17}},
            ["filter.max_attempts"],
        ),
        (
            {"n": 257, "filter": {"by": "uncertainty", "max": 1, "action": "rewind"}},
            ["filter.max_attempts"],
        ),
        ({"sampler": {"tolerance": 1e-3, "steps": 20}}, ["sampler.tolerance"]),
        ({"sampler": {"tolerance": 0}}, ["sampler.tolerance"]),
        ({"sampler": {"tolerance": 2}}, ["sampler.tolerance"]),
        ({"sampler": {"tolerance": "1e-3"}}, ["sampler.tolerance"]),
        ({"sampler": {"tolerance": 1e-3, "method": "euler"}}, ["sampler.tolerance"]),
        ({"sampler": {"tolerance": 1e-3, "method": "rk4"}}, ["sampler.tolerance"]),
        ({"sampler": {"min_steps": 3}}, ["sampler.min_steps"]),
        ({"sampler": {"steps": 5, "max_steps": 30}}, ["sampler.max_steps"]),
        ({"sampler": {"tolerance": 0.1, "max_steps": 1001}}, ["sampler.max_steps"]),
        ({"sampler": {"tolerance": 0.1, "max_steps": 2}}, ["sampler.max_steps"]),
        ({"sampler": {"tolerance": 0.1, "min_steps": 400}}, ["sampler.max_steps"]),
        (
            {"sampler": {"tolerance": 0.1, "min_steps": 9, "max_steps": 8}},
            ["sampler.max_steps"],
        ),
        ({"sampler": {"parallel": {"window": 4}}}, ["sampler.parallel"]),
        ({"sampler": {"parallel": {}}}, ["sampler.parallel.window"]),
        ({"sampler": {"parallel": 4}}, ["sampler.parallel"]),
        ({"sampler": {"method": "euler", "parallel": {"window": 0}}}, ["sampler.parallel.window"]),
        ({"sampler": {"method": "euler", "parallel": {"window": 65}}}, ["sampler.parallel.window"]),
        (
            {"sampler": {"method": "euler", "parallel": {"window": 4, "tolerance": 2}}},
            ["sampler.parallel.tolerance"],
        ),
        (
            {"sampler": {"method": "heun", "tolerance": 0.1, "parallel": {"window": 4}}},
            ["sampler.parallel"],
        ),
        ({"sampler": {"grid": "dense"}}, ["sampler.grid"]),
        ({"sampler": {"grid": "fitted"}}, ["sampler.grid"]),
        ({"sampler": {"tolerance": 0.1, "grid": "uniform"}}, ["sampler.grid"]),
        ({"n": 0, "sampler": {"steps": 0}, "colour": 1}, ["n", "sampler.steps", "colour"]),
        ([], ["body"]),
        ("text", ["body"]),
    ],
    ids=str,
)
def test_a_value_out_of_place_is_named(server: Server, body: Any, fields: list[str]) -> None:
    document = problem(server, 422, "validation", json=body)
    assert [error["field"] for error in document["errors"]] == fields
    assert all(error["message"] for error in document["errors"])
    assert fields[0] in document["detail"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"sampler": {"tolerance": %s}}', "sampler.tolerance"),
        ('{"guidance": {"scale": %s}}', "guidance.scale"),
        ('{"filter": {"by": "uncertainty", "max": %s}}', "filter.max"),
        ('{"n": %s}', "n"),
    ],
)
def test_numbers_must_be_finite(server: Server, body: str, field: str, number: str) -> None:
    document = problem(server, 422, "validation", content=body % number, headers=JSON)
    assert [error["field"] for error in document["errors"]] == [field]


@pytest.mark.parametrize("content", [b"null", b""])
def test_a_body_is_needed(server: Server, content: bytes) -> None:
    document = problem(server, 422, "validation", content=content, headers=JSON)
    assert [error["field"] for error in document["errors"]] == ["body"]


def test_the_allowed_labels_are_listed(server: Server) -> None:
    body = {"model": "icons", "condition": {"label": "circle"}}
    (error,) = problem(server, 422, "validation", json=body)["errors"]
    assert "0 to 1 or half, stripes" in error["message"]


def test_an_unknown_model_is_named_and_the_known_ones_are_listed(server: Server) -> None:
    (error,) = problem(server, 404, "unknown-model", json={"model": "../points"})["errors"]
    assert error["field"] == "model"
    assert "icons, points" in error["message"]


@pytest.mark.parametrize(
    "content",
    [b'{"n": 1', b"{", b"{'n': 1}", b"\xff\xfe\x00", b"[" * 100_000, b'{"n": 1}}', b"9" * 10_000],
    ids=["half", "brace", "quotes", "bytes", "deep", "rest", "digits"],
)
def test_what_is_not_json(server: Server, content: bytes) -> None:
    problem(server, 400, "malformed-body", content=content, headers=JSON)


def test_fifty_megabytes_are_refused(server: Server) -> None:
    content = b'{"model": "' + b"x" * 50_000_000 + b'"}'
    document = problem(server, 413, "payload-too-large", content=content, headers=JSON)
    assert str(1 << 20) in document["detail"]


def test_a_stream_without_a_length_is_refused_at_the_limit(server: Server) -> None:
    chunks = (b" " * 65536 for _ in range(17))
    problem(server, 413, "payload-too-large", content=chunks, headers=JSON)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken(server: Server, media_type: str) -> None:
    headers = {"Content-Type": media_type}
    problem(server, 415, "unsupported-media-type", content=b"{}", headers=headers)


def test_an_unacceptable_answer(server: Server) -> None:
    document = problem(server, 406, "not-acceptable", json={}, headers={"Accept": "text/html"})
    assert "text/event-stream" in document["detail"]


@pytest.mark.parametrize("body", [{"model": "icons", "n": 2}, {"model": "points"}])
def test_a_png_holds_one_image(server: Server, body: dict[str, Any]) -> None:
    problem(server, 406, "not-acceptable", json=body, headers={"Accept": "image/png"})


@pytest.mark.parametrize("url", ["/nothing", "/v1/", "/v1/generate/more"])
def test_an_unknown_path(server: Server, url: str) -> None:
    problem(server, 404, "not-found", url=url, json={})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_method_that_the_path_does_not_know(server: Server, method: str) -> None:
    problem(server, 405, "method-not-allowed", method=method)


def test_rejections_are_counted_by_reason(server: Server) -> None:
    before = server.metric("sureflow_requests_rejected_total", reason="validation")
    problem(server, 422, "validation", json={"n": 0})
    assert server.metric("sureflow_requests_rejected_total", reason="validation") == before + 1


def test_the_clients_own_request_id_comes_back(server: Server) -> None:
    headers = {"X-Request-Id": "mine-7"}
    assert problem(server, 404, "not-found", url="/x", headers=headers)["request_id"] == "mine-7"


@pytest.mark.parametrize("own", ["", "two words", "x" * 129])
def test_an_unfit_request_id_is_replaced(server: Server, own: str) -> None:
    response = server.client.get("/health/live", headers={"X-Request-Id": own})
    assert response.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    ("path", "body", "meant"),
    [
        ("/v1/generate", {"num_inference_steps": 30}, "sampler.steps"),
        ("/v1/generate", {"steps": 30}, "sampler.steps"),
        ("/v1/generate", {"guidance_scale": 3}, "guidance.scale"),
        ("/v1/generate", {"label": 3}, "condition.label"),
        ("/v1/generate", {"sede": 3}, "seed"),
        ("/v1/generate", {"sampler": {"stpes": 3}}, "sampler.steps"),
        ("/v1/generate", {"qqqqq": 3}, None),
        ("/v1/invert", {"samples": [[0.0, 1.0]], "sampler": {"solver": "heun"}}, "method"),
    ],
)
def test_the_nearest_field_is_named(
    server: Server, path: str, body: dict[str, Any], meant: str | None
) -> None:
    response = server.client.post(path, json=body)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    hint = f"; did you mean {meant}?" if meant else ""
    assert error["message"].startswith("this server knows no such field")
    assert error["message"].endswith(hint)
    assert ("did you mean" in error["message"]) == (meant is not None)
