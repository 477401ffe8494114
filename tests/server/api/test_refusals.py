"""A refusal is small and quick, whatever is sent."""

from __future__ import annotations

import json
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.hostile.fields import (
    MANY,
    MARK,
    ZEROS,
    Schema,
    bodies,
    containers,
    fields,
    nested,
    resolved,
)
from benchmarks.hostile.mutations import chosen
from benchmarks.hostile.sending import handle_of, send
from benchmarks.hostile.sound import sound
from sureflow_server.api.dialect import dialect_at
from sureflow_server.api.problems import DETAIL, MAX_BYTES, MAX_ERRORS, Problem
from sureflow_server.app import create_app
from sureflow_server.settings import Settings
from tests.server.running import Server, eventually, serving

JSON = {"Content-Type": "application/json"}
INFER = "/v2/models/points/infer"
INPUT = {"name": "n", "datatype": "INT32", "shape": [1], "data": [1]}


def documented() -> Schema:
    document: Schema = create_app(Settings()).openapi()
    return document


DOCUMENT = documented()


def test_there_are_many_fields_to_try() -> None:
    assert {route for route, _ in containers(DOCUMENT)} == {
        "/v1/generate",
        "/v1/edit",
        "/v1/invert",
        "/v1/images/generations",
        "/v1/models/{name}/calibrate",
        "/v1/models/{name}/review",
        "/v1/models/{name}/review/refit",
        "/v1/verdicts",
    }
    assert len(containers(DOCUMENT)) > 40


@pytest.mark.parametrize(("route", "way"), containers(DOCUMENT), ids=str)
def test_half_a_million_zeros_are_refused_in_a_few_words(
    server: Server, route: str, way: tuple[str, ...]
) -> None:
    path = route.replace("{name}", "icons")
    answer = server.client.post(path, content=nested(way, ZEROS), headers=JSON)
    dialect = dialect_at(route)
    assert answer.status_code == (422 if dialect is None else 400), answer.text[:300]
    assert len(answer.content) <= MAX_BYTES
    assert answer.json()["errors"] if dialect is None else answer.json()["error"]["param"]


@pytest.mark.parametrize("route", bodies(DOCUMENT))
def test_as_many_names_are_refused_too(server: Server, route: str) -> None:
    path = route.replace("{name}", "icons")
    answer = server.client.post(path, content=MANY, headers=JSON)
    assert answer.status_code == 400
    assert len(answer.content) <= MAX_BYTES
    said = answer.json()
    assert "256 names" in (
        said["detail"] if dialect_at(route) is None else said["error"]["message"]
    )


@pytest.mark.parametrize("text", [ZEROS, MANY], ids=["zeros", "names"])
@pytest.mark.parametrize("where", ["inputs", "outputs", "parameters", "shape", "data", "colour"])
def test_so_they_are_in_the_other_protocol(server: Server, where: str, text: str) -> None:
    if where in ("shape", "data"):
        body: Any = {"inputs": [{**INPUT, where: MARK}]}
    else:
        body = {where: MARK, **({"inputs": [{**INPUT, "data": [0]}]} if where == "colour" else {})}
    content = json.dumps(body).replace(f'"{MARK}"', text).encode()
    answer = server.client.post(INFER, content=content, headers=JSON)
    assert 400 <= answer.status_code < 500, answer.text[:300]
    assert len(answer.content) <= MAX_BYTES


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models/" + "a" * 5000, 404),
        ("/v1/models/" + "a" * 5000 + "/load", 404),
        ("/v1/models/%2e%2e/load", 404),
        ("/v1/models/%2e/load", 404),
        ("/v1/models/%2e%2e/unload", 404),
        ("/v1/models/a%00b/load", 404),
        ("/v1/models/%ff/load", 404),
        ("/v1/handles/" + "a" * 5000, 404),
        ("/v1/handles/%00", 404),
        ("/v1/jobs/" + "%F0%9F%92%A9" * 500, 404),
        ("/v2/models/" + "a" * 5000, 404),
        ("/v2/models/points/versions/" + "a" * 5000, 404),
        ("/" + "%00" * 1500, 404),
    ],
    ids=lambda value: str(value)[:40],
)
def test_names_of_any_length_and_kind(server: Server, path: str, status: int) -> None:
    methods = ["POST"] if path.endswith("load") else ["GET"]
    for method in methods:
        answer = server.client.request(method, path)
        assert (answer.status_code, len(answer.content) <= MAX_BYTES) == (status, True), answer.text


def test_a_timeout_of_any_length(server: Server) -> None:
    for number in ("1" + "0" * 400, "-" + "9" * 4000, "1e400", "NaN"):
        content = f'{{"parameters":{{"timeout":{number}}}}}'
        answer = server.client.post(INFER, content=content, headers=JSON)
        assert answer.status_code == 422
        assert "timeout" in answer.json()["error"]


def test_every_number_list_and_text_of_a_body_is_bounded() -> None:
    unbounded = [
        f"{route} {'.'.join(way)}: {one}"
        for route, schema in bodies(DOCUMENT).items()
        for way, one in fields(DOCUMENT, schema)
        if not bounded(one)
    ]
    assert unbounded == []


def bounded(schema: Schema) -> bool:
    kind = schema.get("type")
    if kind in ("integer", "number"):
        above = {"maximum", "exclusiveMaximum"} & schema.keys()
        return bool(above and {"minimum", "exclusiveMinimum"} & schema.keys())
    if kind == "string":
        return bool({"maxLength", "enum", "const"} & schema.keys()) or "pattern" in schema
    return kind != "array" or "maxItems" in schema or schema.get("items") == {}


def test_numbers_of_queries_are_bounded_too() -> None:
    for operations in DOCUMENT["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                for one in resolved(DOCUMENT, parameter["schema"]):
                    assert one["type"] not in ("integer", "number") or bounded(one), parameter


NASTY = ("x", "\x00", '"', "\\", "\ud800", "💩", "\x1b")


@pytest.mark.parametrize("letter", NASTY, ids=ascii)
def test_a_problem_is_small_whatever_it_speaks_of(letter: str) -> None:
    long = letter * 100_000
    errors = [(f"{number}{long}", long) for number in range(1000)]
    document = Problem("validation", long, errors).as_json(long, "r" * 128)
    assert len(json.dumps(document, ensure_ascii=False).encode()) <= MAX_BYTES
    assert 1 <= len(document["errors"]) <= MAX_ERRORS
    assert document["errors_omitted"] + len(document["errors"]) == 1000


def test_a_problem_hides_where_things_are_on_this_machine() -> None:
    said = "cannot read <_io.BytesIO object at 0x7f3a12345678> of '/home/anna/models/ring/a.json'"
    problem = Problem("load-failed", said, [("model", said)])
    for text in (problem.detail, problem.errors[0][1]):
        assert text == "cannot read <_io.BytesIO object> of 'a.json'"
    for text in ("POST /v1/models/ring/load", "and/or", "https://example.org/a/b", "a / b", "1/2"):
        assert Problem("validation", text).detail == text


def test_to_hide_them_costs_nothing() -> None:
    """A pattern that goes back and forth would take years over some of these."""
    for text in ("/" * 5000, "/a" * 5000, "'/ " * 5000, "0x" * 5000, " /a/b:" * 3000):
        assert len(Problem("validation", text).detail) <= DETAIL


def test_a_picture_that_is_none_is_refused_without_an_address(server: Server) -> None:
    body = {"model": "icons", "samples": ["iVBORw0KGgo="]}
    answer = server.client.post("/v1/invert", json=body)
    assert answer.status_code == 422
    assert "0x" not in answer.text


def test_every_documented_route_has_a_sound_request_to_be_spoilt() -> None:
    listed = {(each.method, each.route) for each in sound("hdl_1")}
    documented = {
        (method.upper(), path) for path, each in DOCUMENT["paths"].items() for method in each
    }
    assert documented - listed == set()


def test_thousands_of_fields_and_names_that_are_hostile(server: Server) -> None:
    """A share of what ``python -m benchmarks.hostile.sending`` sends."""
    requests = chosen(sound(handle_of(server.client)), 500, 7)
    outcome = send(server.client, requests)
    assert outcome.offences == []
    assert outcome.statuses[422] > 200
    assert outcome.statuses[200] > 10
    assert not any("Traceback" in line for line in server.log)


HALF = (
    b"POST /v1/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 100000\r\n\r\n" + b" " * 60_000
)


@contextmanager
def unfinished(server: Server, count: int) -> Iterator[list[socket.socket]]:
    """Bodies of which the end does not come."""
    host, port = server.url.removeprefix("http://").split(":")
    held = [socket.create_connection((host, int(port)), 20) for _ in range(count)]
    try:
        for each in held:
            each.sendall(HALF)
        yield held
    finally:
        for each in held:
            each.close()


@pytest.fixture(scope="module")
def alone(models_dir: Path) -> Iterator[Server]:
    """A server for what others would notice; it is ended in the last test."""
    options = ("--models-dir", str(models_dir), "--default-model", "points")
    with serving(*options, "--bodies-bytes", "400000", "--max-body-bytes", "150000") as running:
        yield running


def test_without_descriptors_the_server_says_so_once_and_recovers(alone: Server) -> None:
    pid, said = alone.process.pid, len(alone.log)
    used, limit = len(list(Path(f"/proc/{pid}/fd").iterdir())), resource.RLIMIT_NOFILE
    soft, hard = resource.prlimit(pid, limit)
    resource.prlimit(pid, limit, (used + 8, hard))
    host, port = alone.url.removeprefix("http://").split(":")
    held = [socket.create_connection((host, int(port)), 20) for _ in range(60)]
    eventually(lambda: any("connections wait" in line for line in alone.log))
    time.sleep(2.5)  # in which asyncio tries again twice, for every connection
    for each in held:
        each.close()
    eventually(lambda: ready(alone))
    resource.prlimit(pid, limit, (soft, hard))
    assert len([line for line in alone.log[said:] if " 200 in " not in line]) < 10
    assert not any("Traceback" in line for line in alone.log)


def ready(server: Server) -> bool:
    try:
        return httpx.get(f"{server.url}/health/ready", timeout=2).is_success
    except httpx.HTTPError:
        return False


def test_unfinished_bodies_take_no_more_than_they_may(alone: Server) -> None:
    padded = b'{"model":"points"}' + b" " * 100_000

    def ask() -> httpx.Response:
        return alone.client.post("/v1/generate", content=padded, headers=JSON)

    assert ask().status_code == 200
    with unfinished(alone, 12):
        rejected = "sureflow_requests_rejected_total"
        eventually(lambda: alone.metric(rejected, reason="bodies-full") >= 10)
        answer = ask()
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert answer.json()["type"].endswith("bodies-full")
        assert alone.generate()["samples"], "small ones still find room"
    eventually(lambda: ask().is_success)


def test_sigterm_does_not_wait_for_half_a_body(alone: Server) -> None:
    with unfinished(alone, 1) as held:
        assert alone.client.get("/health/live").is_success
        alone.process.send_signal(signal.SIGTERM)
        answers = [b"".join(iter(partial(each.recv, 65536), b"")) for each in held]
        assert alone.process.wait(20) == 0, "well before the time to drain is over"
    assert all(answer.startswith(b"HTTP/1.1 503 ") for answer in answers)
    assert all(b"urn:sureflow:problem:draining" in answer for answer in answers)
    assert not any("Traceback" in line for line in alone.log)
