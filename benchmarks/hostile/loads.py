"""Models loaded by many at once, of whom half do not wait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx

from benchmarks.hostile.request import Request
from benchmarks.hostile.sending import Outcome, send
from benchmarks.hostile.target import Target

COUNT = 16
LEAVES_S = 0.3
LOAD = Request("POST", "/v1/models/ring/load", route="/v1/models/{name}/load")


def loads(target: Target) -> Outcome:
    """Load ``ring`` sixteen times at once."""

    def load(number: int) -> Outcome:
        if number % 2:
            with suppress(httpx.TimeoutException):
                httpx.post(target.url + LOAD.path, timeout=LEAVES_S)
            return Outcome()
        with target.client() as client:
            return send(client, [LOAD])

    total = Outcome()
    with ThreadPoolExecutor(COUNT) as pool:
        for outcome in pool.map(load, range(COUNT)):
            total.add(outcome)
    return total
