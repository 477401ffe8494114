from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any, Literal

import httpx
import pytest

from sureflow_server.logs import configure, request_id
from tests.server.running import Server, eventually


@pytest.fixture
def _root() -> Iterator[None]:
    """Leave the loggers as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def lines(server: Server) -> list[dict[str, Any]]:
    """What the server has logged; the lines that it prints to be read are no part of the log."""
    return [json.loads(line) for line in server.log if not line.startswith("sureflow: ")]


def test_a_client_that_leaves_is_a_line_and_no_error(watched: Server) -> None:
    server = watched
    body = {"model": "points", "n": 200, "sampler": {"method": "rk4", "steps": 1000}}
    tensors = {"Accept": "application/x-safetensors"}
    for number, headers in enumerate(({}, tensors, {"Idempotency-Key": "once"})):
        mine = {**headers, "X-Request-Id": f"left-{number}"}
        with pytest.raises(httpx.ReadTimeout):
            server.client.post("/v1/generate", json=body, headers=mine, timeout=0.2)
    eventually(lambda: sum("left-" in line for line in server.log) == 3)
    left = [line for line in lines(server) if line.get("request_id", "").startswith("left-")]
    assert [(line["level"], line.get("status")) for line in left] == [("INFO", 499)] * 3


def test_every_request_is_a_json_line_with_its_id(watched: Server) -> None:
    """This one leaves the server without a worker for a while, so it comes last."""
    server = watched
    said, mine = len(lines(server)), {"X-Request-Id": "mine-1"}
    server.client.post("/v1/generate", json={"model": "points"}, headers=mine)
    server.client.get("/v1/models/absent?key=secret", headers={"X-Request-Id": "mine-2"})
    server.client.get("/absent%0aevil", headers={"X-Request-Id": "mine-3"})
    for path in ("/health/live", "/health/ready", "/metrics", "/v2/health/live"):
        assert server.client.get(path).status_code == 200
    server.kill_worker()
    eventually(lambda: any("worker process ended" in line for line in server.log))
    answered = {line["request_id"]: line for line in lines(server)[said:] if "status" in line}
    assert list(answered) == ["mine-1", "mine-2", "mine-3"], "health and metrics stay silent"
    first = answered["mine-1"]
    assert first["level"] == "INFO"
    assert first["logger"] == "sureflow_server.api.request_log"
    assert (first["method"], first["path"], first["status"]) == ("POST", "/v1/generate", 200)
    assert first["seconds"] > 0
    assert first["message"].startswith("POST /v1/generate 200 in ")
    assert answered["mine-2"]["path"] == "/v1/models/absent", "queries may hold what is secret"
    assert answered["mine-3"]["path"] == "/absent%0aevil", "and no line of the client's own"
    (died,) = [line for line in lines(server)[said:] if "worker process ended" in line["message"]]
    assert died["level"] == "ERROR"
    assert "request_id" not in died


@pytest.mark.usefixtures("_root")
def test_an_exception_is_one_line_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    token = request_id.set("req_7")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("somebody").exception("it broke", extra={"n": 3})
    finally:
        request_id.reset(token)
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert said["request_id"] == "req_7"
    assert (said["level"], said["logger"], said["message"], said["n"]) == (
        "ERROR",
        "somebody",
        "it broke",
        3,
    )
    assert "two\nlines" in said["exc_info"]
    assert "Traceback" in said["exc_info"]
    assert said["timestamp"]


@pytest.mark.usefixtures("_root")
def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure("text")
    logging.getLogger("somebody").warning("careful")
    logging.getLogger("somebody").debug("nobody reads this")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(" WARNING careful")


@pytest.mark.usefixtures("_root")
@pytest.mark.parametrize("form", ["text", "json"])
def test_nobody_else_writes_lines_or_moves_the_cursor(
    capsys: pytest.CaptureFixture[str], form: Literal["text", "json"]
) -> None:
    configure(form)
    hostile = "\x1b[2J\x07\r\n2026 ERROR mine \x00\x9b\x7f\u202e\u2028\ud800"
    try:
        raise ValueError(hostile)
    except ValueError:
        logging.getLogger("somebody").exception("it broke on %s", hostile)
    said = capsys.readouterr().err
    assert all(
        character == "\n" or character.isprintable() for character in said.replace("\x7f", "")
    )
    first, *rest = said.splitlines()
    assert "2026 ERROR mine" in first
    assert [line for line in rest if line.startswith("2026")] == []
