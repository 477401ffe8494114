"""A long body leaves the event loop to others."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any

import pytest
from fastapi import Request
from pydantic import TypeAdapter

from sureflow_server.api.invert_request import InvertRequest
from sureflow_server.api.json_body import JsonRequest
from sureflow_server.api.off_loop import READ, SMALL_BYTES
from sureflow_server.api.problems import Problem

MEBIBYTE = 1 << 20
LONG = SMALL_BYTES // READ
READER: TypeAdapter[Any] = TypeAdapter(InvertRequest)

ROWS = json.dumps({"samples": [[[0.125] * 28] * 28] * 150}).encode()
LONG_BODIES = {
    "rows": ROWS,
    "zeros": b'{"samples":[' + b",".join([b"0"] * 500_000) + b"]}",
    "nested": b'{"samples":[[' + b",".join([b"0"] * 500_000) + b"]]}",
    "texts": b'{"samples":[' + b",".join([b'""'] * 300_000) + b"]}",
}


def request(body: bytes) -> JsonRequest:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    plain = Request({"type": "http", "method": "POST", "headers": []}, receive)
    return JsonRequest(plain, READER)


async def turns(body: bytes) -> int:
    """How often the event loop comes round while a body is read."""
    reading = asyncio.create_task(request(body).json())
    count = 0
    while not reading.done():
        await asyncio.sleep(0.001)
        count += 1
    return count if isinstance(reading.exception(), Problem | None) else -1


@pytest.mark.parametrize("name", LONG_BODIES)
def test_the_event_loop_comes_round_many_times(name: str) -> None:
    """Not once or twice, as while Python's own reader reads as much at once."""
    body = LONG_BODIES[name]
    assert len(body) > MEBIBYTE / 2
    assert asyncio.run(turns(body)) > 10


def test_a_short_body_is_read_at_once() -> None:
    assert asyncio.run(turns(b'{"samples":[[0, 0]]}')) <= 1


def test_what_is_said_is_the_same_either_way() -> None:
    small = {"samples": [[[0.5, -0.5]] * 4], "seed": 3}
    padded = json.dumps(small).encode() + b" " * 2 * LONG
    short, long = (
        asyncio.run(partial(one.json)())
        for one in (request(json.dumps(small).encode()), request(padded))
    )
    assert short.seed == long.seed == 3
    assert short.samples[0].tolist() == long.samples[0].tolist() == small["samples"][0]


def test_a_misfit_names_the_field_either_way() -> None:
    for filling in (0, 2 * LONG):
        body = b'{"samples":[[0]],"colour":1,"rewind":{"keep":[2]}}' + b" " * filling
        with pytest.raises(Problem) as caught:
            asyncio.run(request(body).json())
        assert [field for field, _ in caught.value.errors] == ["rewind.keep.0", "colour"]
