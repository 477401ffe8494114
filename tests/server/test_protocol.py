"""Bytes that no client of good will sends."""

from __future__ import annotations

import asyncio
import base64
import io
import random
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from sureflow_server import protocol
from sureflow_server.protocol import MAX_HEAD_BYTES, MAX_HEADERS, MAX_URL_BYTES
from tests.hostile import spoilt
from tests.server.conftest import Guarded
from tests.server.running import Server

PATIENCE_S = 20
MEBIBYTE = 1 << 20
BODY = b'{"model":"points"}'
END = b"Connection: close\r\n\r\n"


def connect(server: Server) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), PATIENCE_S)


def send(server: Server, content: bytes, wait_s: float = PATIENCE_S) -> bytes:
    """Send bytes and return all that comes back until the server hangs up, or for so long."""
    with connect(server) as connection:
        connection.settimeout(wait_s)
        answer = b""
        try:
            connection.sendall(content)
            while part := connection.recv(65536):
                answer += part
        except (TimeoutError, ConnectionError):
            pass
        return answer


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]


def memory(server: Server, field: str, pid: int | None = None) -> int:
    """Bytes of a process, by default of the server's own."""
    status = Path(f"/proc/{pid or server.process.pid}/status").read_text()
    return int(re.findall(rf"{field}:\s+(\d+) kB", status)[0]) * 1024


def request(head: bytes = b"", body: bytes = BODY, path: bytes = b"/v1/generate") -> bytes:
    return (
        b"POST %b HTTP/1.1\r\nHost: localhost\r\n" % path
        + b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        + head
        + END
        + body
    )


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64, 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x00" * 100 + b"\r\n\r\n", 400),
        (b"GET /health/live HTTP/9.9\r\n\r\n", 400),
        (b"FETCH /health/live HTTP/1.1\r\n\r\n", 400),
        (b"GET health HTTP/1.1\r\n\r\n", 400),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n" + END, 400),
        (b"GET /health/live HTTP/1.1\r\nHost\r\n\r\n", 400),
        (b"GET /health/live HTTP/1.1\r\nX Y: 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1" + b"0" * 30 + b"\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (request(path=b"/" + b"x" * MAX_URL_BYTES), 414),
        (request(b"X: " + b"y" * MAX_HEAD_BYTES + b"\r\n"), 431),
        (request(b"X: y\r\n" * MAX_HEADERS), 431),
    ],
    ids=lambda value: str(value[:24]) if isinstance(value, bytes) else str(value),
)
def test_what_is_refused_before_any_route(server: Server, content: bytes, status: int) -> None:
    answer = send(server, content)
    assert statuses(answer)[-1] == status
    head, _, body = answer.rpartition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"nosniff" in head
    assert b'"request_id": "req_' in body


def test_a_body_that_makes_no_sense_ends_the_connection(server: Server) -> None:
    """Its request is under way, so that there is nothing more to say."""
    head = b"POST /v1/generate HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert send(server, head + b"zz\r\n") == b""


def test_who_opens_a_connection_must_say_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_S", 0.05)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.2)
        await Response("late")(scope, receive, send)

    async def ask(content: bytes) -> bytes:
        config = Config(app, ws="none")
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: protocol.BoundedProtocol(config, ServerState(), {}), "127.0.0.1"
        )
        async with listener:
            reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
            writer.write(content)
            answer = await reader.read()
            writer.close()
            return answer

    assert asyncio.run(ask(b"")) == b""
    assert asyncio.run(ask(b"GET / HTTP/1.1\r\nHo")) == b""
    assert asyncio.run(ask(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + END)).endswith(b"late")


def test_what_is_just_within_bounds_is_served(server: Server) -> None:
    filling = MAX_HEAD_BYTES - 200
    for content in (
        request(path=b"/v1/generate?" + b"x" * (MAX_URL_BYTES - 13)),
        request(b"X: " + b"y" * filling + b"\r\n"),
        request(b"X: y\r\n" * (MAX_HEADERS - 4)),
    ):
        assert statuses(send(server, content)) == [200]


def test_two_requests_in_one_go_are_both_served(server: Server) -> None:
    first = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert statuses(send(server, first + request())) == [200, 200]


def test_small_chunks_are_no_offence(server: Server) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY.ljust(20_000))
    head = b"POST /v1/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    content = head + b"Transfer-Encoding: chunked\r\n" + END + chunks + b"0\r\n\r\n"
    assert len(content) > 3 * MAX_HEAD_BYTES
    assert statuses(send(server, content)) == [200]


ENDLESS = {
    "line": b"",
    "url": b"GET /",
    "name": b"GET / HTTP/1.1\r\nX",
    "value": b"GET / HTTP/1.1\r\nX: ",
    "extension": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5;",
    "trailer": b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
}


@pytest.mark.parametrize("where", ENDLESS)
def test_what_never_ends_is_cut_off_early(server: Server, where: str) -> None:
    """A hundred megabytes without a line break; the server takes a small part of it."""
    peak, sent = memory(server, "VmHWM"), 0
    with connect(server) as connection:
        try:
            connection.sendall(ENDLESS[where])
            while sent < 100 * MEBIBYTE:
                connection.sendall(b"x" * MEBIBYTE)
                sent += MEBIBYTE
        except ConnectionError:
            pass
    assert sent < 50 * MEBIBYTE
    assert memory(server, "VmHWM") - peak < 20 * MEBIBYTE
    assert server.generate()["samples"]


def hostile(chance: random.Random) -> Iterator[bytes]:
    """Requests that are wrong in all kinds of ways; some happen to be right."""
    words = [
        b"/v1/generate", b"/v1/models/", b"/metrics", b"/health/live", b"/..%2f", b"*", b"/\\",
        b"/v1/invert", b"/v1/invert", b"/v1/edit", b"/v1/handles", b"/v1/jobs/",
        b"/v2/models/points/infer",
    ]  # fmt: skip
    nasty = [
        b"%00", b"%ff%fe", b"..", b"%2e%2e%2f" * 20, b"\xc3\x28", b"?" + b"a=b&" * 500, b"#",
        b"{name}", b"%", b";", b"'", b"<script>", b"\x7f", b"a" * 3000, b"%F0%9F%92%A9",
    ]  # fmt: skip
    methods = [b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT"]
    headers = [
        b"Accept: " + b"*/*;q=" + b"9" * 400,
        b"Accept: text/event-stream;q=nan, image/png",
        b"Accept: " + b"a/b," * 2000,
        b"Accept-Encoding: \xff\xff",
        b"Authorization: Bearer " + b"sf_" * 900,
        b"Authorization: Bearer sf_aaaaaaaaaaaa_" + b"A" * 43,
        b"Authorization: Bearer \xe9\xff",
        b"Authorization: Basic " + b"=" * 99,
        b"Authorization:",
        b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        b"Connection: upgrade\r\nUpgrade: h2c",
        b"Content-Encoding: gzip",
        b"Content-Type: application/json; charset=" + b"\xfe" * 9,
        b"Content-Type: multipart/form-data; boundary=x",
        b"Cookie: " + b"a=b; " * 1000,
        b"Expect: 100-continue",
        b"Expect: the worst",
        b"Host: ]",
        b"Host: a\r\nHost: b",
        b"Idempotency-Key: " + b"k" * 300,
        b"Idempotency-Key: \xff",
        b"Inference-Header-Content-Length: " + b"9" * 5000,
        b"Inference-Header-Content-Length: -1",
        b"Last-Event-ID: " + b"9" * 5000,
        b"Idempotency-Key: k",
        b"Origin: null",
        b"Prefer: respond-async",
        b"Range: bytes=0-,-1",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: chunked, identity",
        b"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: gopher",
        b"X-Request-Id: " + b"i" * 500,
        b"X-Request-Id: \x80\r\nX-Request-Id: b",
        b" folded: 1",
        b": nameless",
    ]
    bodies = [
        BODY, b"", b"{", b"\xff\xfe{\x00}\x00", b"[" * 5000, b'{"n":1e999}',
        b'{"n":' + b"9" * 5000 + b"}",
        b'{"model":"\\ud800"}', b'{"model":"\\u0000"}', b'{"model":"../../etc/passwd"}',
        b'{"seed":NaN}', b'{"a":' * 900 + b"1" + b"}" * 900, b'{"n":1,"n":2}', b"\x1f\x8b\x08" * 50,
        b'{"model":"' + b"x" * 100_000 + b'"}',
        b'{"condition":{"label":"' + b"\xf0\x9f\x92\xa9" * 500 + b'"}}',
    ]  # fmt: skip
    while True:
        path = chance.choice(words) + (chance.choice(nasty) if chance.random() < 0.5 else b"")
        body = chance.choice(bodies) if chance.random() < 0.7 else upload(chance)
        length = len(body) if chance.random() < 0.8 else chance.choice([0, 1, 10**6 + 10**5, 2**63])
        lines = [chance.choice(headers) for _ in range(chance.randrange(4))]
        if chance.random() < 0.7:
            lines.append(b"Content-Type: application/json")
        head = b"%b %b HTTP/1.1\r\nHost: localhost\r\n" % (chance.choice(methods), path)
        lines.append(b"Content-Length: %d" % length)
        content = head + b"".join(line + b"\r\n" for line in lines) + END + body
        if chance.random() < 0.15:
            place = chance.randrange(len(content))
            content = content[:place] + chance.randbytes(chance.randrange(1, 9)) + content[place:]
        if chance.random() < 0.1:
            content = content[: chance.randrange(1, len(content))]
        yield content


def upload(chance: random.Random) -> bytes:
    """An inversion of a file that is damaged, or lies about what it holds."""
    file = io.BytesIO()
    array = np.zeros(2, np.float32)
    if chance.random() < 0.5:
        np.save(file, array)
    else:
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(file, "PNG")
    data = file.getvalue()
    if chance.random() < 0.5:
        shape = chance.choice([b"(9999999999,), ", b"(-1,), }       ", b"((((((((((((((("])
        data = data.replace(b"(2,), }" + b" " * 8, shape)
    data = spoilt(chance, data) if chance.random() < 0.7 else data
    written = base64.b64encode(data)
    if chance.random() < 0.2:
        written = chance.choice([written[:-1], written * 50, b"=" * 99, b"AAAA" * 9000])
    return b'{"model":"%b","samples":["%b"]}' % (chance.choice([b"points", b"icons"]), written)


def bombard(server: Server, count: int, seed: int, *, lines: bytes = b"") -> list[int]:
    """Send hostile requests; return the statuses of the answers."""
    requests, found = hostile(random.Random(seed)), list[int]()
    for _ in range(count):
        content = next(requests).replace(b"Host: localhost\r\n", b"Host: localhost\r\n" + lines, 1)
        found += statuses(send(server, content, wait_s=0.1))
    return found


@pytest.mark.parametrize("keyed", [True, False])
def test_hostile_requests_are_the_clients_fault(
    guarded: Guarded, server: Server, keyed: bool
) -> None:
    target = guarded.server if keyed else server
    bombard(target, 100, 1)
    before = memory(target, "VmRSS"), memory(target, "VmRSS", target.worker_pid)
    found = bombard(target, 300, 2)
    assert len(found) > 150, "most get an answer, and do not only wait"
    assert max(found) < 500
    assert {400, 404, 405, 401 if keyed else 415} <= set(found)
    assert memory(target, "VmRSS") - before[0] < 10 * MEBIBYTE
    assert memory(target, "VmRSS", target.worker_pid) - before[1] < 10 * MEBIBYTE
    assert target.process.poll() is None
    assert target.generate()["samples"]
    assert not any("Traceback" in line for line in target.log)


@pytest.mark.slow
def test_thousands_of_hostile_requests_with_a_good_key(guarded: Guarded) -> None:
    line = f"Authorization: Bearer {guarded.tokens['all']}\r\n".encode()
    bombard(guarded.server, 500, 3, lines=line)
    pids = guarded.server.process.pid, guarded.server.worker_pid
    before = [memory(guarded.server, "VmRSS", pid) for pid in pids]
    found = bombard(guarded.server, 3000, 4, lines=line)
    assert max(found) < 500
    after = [memory(guarded.server, "VmRSS", pid) for pid in pids]
    print(f"{len(found)} answers; resident bytes of server and worker {before}, then {after}")
    assert after[0] - before[0] < 20 * MEBIBYTE
    assert after[1] - before[1] < 20 * MEBIBYTE
    assert guarded.server.worker_pid == pids[1]
    assert not any("Traceback" in line for line in guarded.server.log)
    assert guarded.server.generate()["samples"]
