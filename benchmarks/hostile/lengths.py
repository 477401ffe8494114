"""A mebibyte in place of every list and object."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.hostile.fields import MANY, MARK, ZEROS, bodies, containers, nested
from benchmarks.hostile.request import Request
from benchmarks.hostile.sending import Outcome, document_of, send
from benchmarks.hostile.target import Target

REFUSED = (400, 404, 413, 415, 422, 429)
INPUT = {"name": "n", "datatype": "INT32", "shape": [1], "data": [1]}
INFER = "/v2/models/{name}/infer"
DEEP = b'{"condition":' * 40_000 + b"0" + b"}" * 40_000
ARRAYS = b"[" * 500_000 + b"]" * 500_000
AT_ONCE = 8


def zeros(target: Target) -> Outcome:
    """Half a million zeros in every field of every body, and as many names."""
    with target.client() as client:
        document = document_of(client)
        lists = [_request(route, nested(way, ZEROS)) for route, way in containers(document)]
        return send(client, [*lists, *_wholes(list(bodies(document)))]).expect(*REFUSED)


def tensors(target: Target) -> Outcome:
    """The same in the other protocol."""
    places: list[Any] = [{name: MARK} for name in ("inputs", "outputs", "parameters", "id", "x")]
    places += [{"inputs": [{**INPUT, name: MARK}]} for name in ("shape", "data", "parameters")]
    texts = [
        json.dumps(body).replace(f'"{MARK}"', text).encode()
        for body in places
        for text in (ZEROS, MANY)
    ]
    with target.client() as client:
        outcome = send(client, [_request(INFER, text) for text in texts])
    return outcome.expect(200, *REFUSED)  # that protocol ignores fields that it does not know


def at_once(target: Target) -> Outcome:
    """Several of them at the same time, over and over."""
    request = _request("/v1/invert", nested(("samples",), ZEROS))

    def several(_: int) -> Outcome:
        with target.client() as client:
            return send(client, [request] * 6)

    total = Outcome()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for outcome in pool.map(several, range(AT_ONCE)):
            total.add(outcome)
    return total.expect(*REFUSED)


def _wholes(routes: list[str]) -> list[Request]:
    every = [*routes, INFER]
    texts = (MANY.encode(), ZEROS.encode(), DEEP, ARRAYS)
    return [_request(route, text) for route in every for text in texts]


def _request(route: str, body: bytes) -> Request:
    path = route.replace("{name}", "ring")
    return Request("POST", path, body, route=route, changed=body[:60].decode())
