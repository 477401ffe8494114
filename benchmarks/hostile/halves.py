"""Bodies of which the end does not come."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from contextlib import ExitStack

from benchmarks.hostile.sending import Outcome
from benchmarks.hostile.target import Target

COUNT = 150
LENGTH = 1_000_000
HOLD_S = 10.0
END_S = 40.0
HEAD = (
    "POST /v1/generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    f"Content-Length: {LENGTH}\r\n\r\n"
)


def halves(target: Target) -> Outcome:
    """Bodies of 1 MB, all but the last byte, at the same time."""
    with ExitStack() as stack:
        held = _begun(target, stack, COUNT)
        time.sleep(HOLD_S)
        return _answers(held, 0.05).expect(0, 408, 429)


def ending(target: Target) -> Outcome:
    """SIGTERM beside half-sent bodies."""
    with ExitStack() as stack:
        held = _begun(target, stack, 10)
        time.sleep(1)
        target.process.send_signal(signal.SIGTERM)
        outcome = _answers(held, END_S).expect(503)
        try:
            if code := target.process.wait(END_S):
                outcome.offences.append(f"exit code {code}")
        except subprocess.TimeoutExpired:
            outcome.offences.append(f"it still runs after {END_S:g} s")
    return outcome


def _begun(target: Target, stack: ExitStack, count: int) -> list[socket.socket]:
    held = [stack.enter_context(target.connect()) for _ in range(count)]
    for each in held:
        try:
            each.sendall(HEAD.encode() + b" " * (LENGTH - 1))
        except OSError:  # refused, and hung up on
            continue
    return held


def _answers(held: list[socket.socket], seconds: float) -> Outcome:
    """What each was answered within so long; 503 is what a server that ends may say."""
    outcome = Outcome()
    for each in held:
        each.settimeout(seconds)
        try:
            got = each.recv(1 << 16)
        except OSError:
            got = b""
        status = int(got[9:12]) if got.startswith(b"HTTP/1.1 ") else 0
        outcome.count(status, len(got.partition(b"\r\n\r\n")[2]), (503,))
    return outcome
