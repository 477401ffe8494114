"""Clients that ask for much and read nothing."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx

from benchmarks.hostile.jobs import ended
from benchmarks.hostile.sending import Outcome
from benchmarks.hostile.target import Target

HOLD_S = 35.0
"""Longer than a server waits for a client that takes nothing."""

TAKEN = 4 << 20
"""Bytes that may lie in sockets; who gets more was not hung up on."""


def profiled(steps: int) -> dict[str, Any]:
    """Return a request for an answer of some 40 kB for each step."""
    sampler = {"method": "euler", "steps": steps}
    return {"n": 1024, "seed": 1, "sampler": sampler, "confidence": {"profile": True}}


def unread(count: int, steps: int = 240) -> Callable[[Target], Outcome]:
    """Return an attack by so many connections that ask for a job of some 10 MB."""

    def attack(target: Target) -> Outcome:
        with target.client() as client, ExitStack() as stack:
            job = ended(client, profiled(steps))
            held = [stack.enter_context(target.connect()) for _ in range(count)]
            for each in held:
                each.sendall(f"GET {job} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            outcome = _left(held, HOLD_S)
            client.delete(job)
        return outcome

    return attack


def unread_answer(target: Target) -> Outcome:
    """A request whose answer of some 10 MB nobody reads."""
    body = json.dumps(profiled(240)).encode()
    with target.connect() as connection:
        head = "POST /v1/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        connection.recv(1)
        return _left([connection], HOLD_S)


def large(target: Target) -> Outcome:
    """A synchronous answer of some 39 MB, which is read."""
    outcome = Outcome()
    with target.client() as client:
        try:
            answer = client.post("/v1/generate", json=profiled(1000))
        except httpx.HTTPError as error:
            outcome.statuses[0] += 1
            outcome.offences.append(f"{type(error).__name__}")
        else:
            outcome.count(answer.status_code, len(answer.content), ())
    return outcome.expect(200, 422)


def _left(held: list[socket.socket], seconds: float) -> Outcome:
    """What connections got that were not read from for so long; 200 for those not hung up on."""
    time.sleep(seconds)
    outcome = Outcome()
    for each in held:
        got = _taken(each)
        dropped = len(got) < TAKEN and b"429" not in got[:20]
        status = 0 if dropped else int(got[9:12] or 0) if got.startswith(b"HTTP") else 200
        outcome.count(status, len(got), ())
    return outcome.expect(0, 429)


def _taken(connection: socket.socket) -> bytes:
    """All that still comes until it ends, or some more than can have been under way."""
    connection.settimeout(20)
    got = b""
    try:
        while len(got) < TAKEN and (part := connection.recv(1 << 20)):
            got += part
    except (TimeoutError, ConnectionError):
        pass
    return got
