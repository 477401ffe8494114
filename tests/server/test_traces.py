"""Traces of a real server, as they arrive at a collector."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sureflow_server.settings import Settings
from tests.server.running import Server, eventually

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Span]]:
    """Spans that a collector of its own receives."""
    spans: list[Span] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    spans.extend(scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield spans
        server.shutdown()
        thread.join()


def facts(span: Span) -> dict[str, object]:
    return {each.key: each.value.int_value or each.value.string_value for each in span.attributes}


def test_a_request_leaves_queue_tick_and_decode(
    start: Callable[..., Server], collected: list[Span]
) -> None:
    server = start("--traces", "--default-model", "points")
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-Id": "mine"}
    body = {"n": 2, "sampler": {"method": "heun", "steps": 5}}
    response = server.client.post("/v1/generate", json=body, headers=headers)
    assert response.status_code == 200
    assert server.client.get("/health/ready").status_code == 200
    assert server.client.post("/v2/models/points/infer", json={}).status_code == 200
    eventually(lambda: len(collected) >= 8)
    mine = {span.name: span for span in collected if span.trace_id.hex() == TRACE}
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
    other = {span.name for span in collected if span.trace_id.hex() != TRACE}
    assert other == {"POST /v2/models/{name}/infer", "queue", "tick", "decode"}


def test_by_default_there_are_none() -> None:
    assert not Settings().traces
