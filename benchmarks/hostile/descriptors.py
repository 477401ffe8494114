"""More connections than a server may have open files."""

from __future__ import annotations

import time
from contextlib import ExitStack

import httpx

from benchmarks.hostile.sending import Outcome
from benchmarks.hostile.target import Target

COUNT = 200
HOLD_S = 5.0
BACK_S = 20.0
LINES = 20


def descriptors(target: Target) -> Outcome:
    """Two hundred connections that say nothing; then one that asks."""
    before, outcome = target.log.count("\n"), Outcome()
    with ExitStack() as stack:
        for _ in range(COUNT):
            stack.enter_context(target.connect())
        time.sleep(HOLD_S)
    end = time.monotonic() + BACK_S
    while not (answered := _lives(target)) and time.monotonic() < end:
        time.sleep(0.2)
    outcome.count(200 if answered else 0, 0, ())
    lines = target.log.count("\n") - before
    if lines > LINES or "Traceback" in target.log:
        outcome.offences.append(f"{lines} lines of log")
    return outcome.expect(200)


def _lives(target: Target) -> bool:
    try:
        body = {"n": 1, "seed": 1}
        return httpx.post(f"{target.url}/v1/generate", json=body, timeout=5).is_success
    except httpx.HTTPError:
        return False
