"""Workers killed under load."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from benchmarks.descendants import children, descendants
from benchmarks.hostile.reference import reference
from benchmarks.hostile.request import Request
from benchmarks.hostile.sending import Outcome, send
from benchmarks.hostile.target import Target

KILLS = 4
EVERY_S = 4.0
CLIENTS = 4
ASK = Request("POST", "/v1/generate", b'{"n":16,"seed":9}', route="/v1/generate")


def crashes(target: Target) -> Outcome:
    """Kill the worker every few seconds while samples are asked for."""
    end, total = time.monotonic() + KILLS * EVERY_S, Outcome()

    def ask(_: int) -> Outcome:
        outcome = Outcome()
        with target.client() as client:
            while time.monotonic() < end:
                outcome.add(send(client, [ASK]))
        return outcome

    with target.client() as client, ThreadPoolExecutor(CLIENTS) as pool:
        before, asking = reference(client), pool.map(ask, range(CLIENTS))
        for _ in range(KILLS):
            time.sleep(EVERY_S * 0.9)
            for pid in workers(target.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for outcome in asking:
            total.add(outcome)
        if reference(client) != before:
            total.offences.append("samples differ")
    return total.expect(200, 429, 503)


def workers(pid: int) -> list[int]:
    """Return the workers of a server: those of that name, or else the children of its children."""
    named = [each for each in descendants(pid) if _name(each) == "sureflow-worker"]
    return named or [each for child in children(pid) for each in children(child)]


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
