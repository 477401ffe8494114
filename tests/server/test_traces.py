"""Traces of a real server, as they arrive at a collector."""

from __future__ import annotations

from itertools import pairwise

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sureflow_server.settings import Settings
from tests.server.running import Server, eventually

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def facts(span: Span) -> dict[str, object]:
    return {each.key: each.value.int_value or each.value.string_value for each in span.attributes}


def trace_of(request_id: str, collected: list[Span]) -> dict[str, Span]:
    """The spans of a request that have arrived, by name."""
    spans = [*collected]
    said = [facts(span).get("sureflow.request_id") == request_id for span in spans]
    of = {span.trace_id for span, is_it in zip(spans, said, strict=True) if is_it}
    return {span.name: span for span in spans if span.trace_id in of}


def test_a_request_leaves_queue_tick_and_decode(watched: Server, collected: list[Span]) -> None:
    server = watched
    eventually(lambda: server.client.get("/health/ready").status_code == 200)
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-Id": "mine"}
    body = {"n": 2, "sampler": {"method": "heun", "steps": 5}}
    response = server.client.post("/v1/generate", json=body, headers=headers)
    assert response.status_code == 200
    assert server.client.get("/health/ready").status_code == 200
    alone = {"X-Request-Id": "alone"}
    infer = server.client.post("/v2/models/points/infer", json={}, headers=alone)
    assert infer.status_code == 200
    eventually(lambda: len(trace_of("mine", collected)) == len(trace_of("alone", collected)) == 4)
    mine = trace_of("mine", collected)
    assert {span.trace_id.hex() for span in mine.values()} == {TRACE}
    assert mine.keys() == {"POST /v1/generate", "queue", "tick", "decode"}
    request = mine["POST /v1/generate"]
    assert request.parent_span_id.hex() == PARENT
    assert facts(request)["http.response.status_code"] == 200
    assert facts(request)["sureflow.request_id"] == "mine"
    parts = [mine[name] for name in ("queue", "tick", "decode")]
    assert {part.parent_span_id for part in parts} == {request.span_id}
    assert facts(mine["tick"]) == {"sureflow.model": "points", "sureflow.evaluations": 20}
    edges = [
        edge for part in parts for edge in (part.start_time_unix_nano, part.end_time_unix_nano)
    ]
    # Spans are placed by the clock's reading when they end, which need not be to the microsecond.
    slack = 5_000_000
    assert all(a <= b + slack for a, b in pairwise(edges))
    assert request.start_time_unix_nano <= edges[0] + slack
    assert edges[-1] <= request.end_time_unix_nano + slack
    other = trace_of("alone", collected)
    assert other.keys() == {"POST /v2/models/{name}/infer", "queue", "tick", "decode"}
    assert {span.trace_id for span in other.values()}.isdisjoint({request.trace_id})


def test_by_default_there_are_none() -> None:
    assert not Settings().traces
