"""OpenTelemetry traces: where the time of a request went.

A span for the request, and in it ``queue`` (from acceptance to the first lane in a slot), ``tick``
(from there to the last sample) and ``decode`` (from samples to the bytes of the answer). Needs the
extra ``otel``; where spans are sent is up to the variables of OpenTelemetry itself, such as
``OTEL_EXPORTER_OTLP_ENDPOINT``. Unless :func:`install` was called, nothing is imported and every
function here does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, time_ns
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

SERVICE = "sureflow"
PACKAGES = "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
QUIET = ("/health/", "/v2/health/", "/metrics")
"""Asked every few seconds, and never of interest."""

_provider: TracerProvider | None = None
_tracer: Tracer | None = None


class TracesError(Exception):
    """What traces need is not installed."""


def install() -> None:
    """Begin to trace.

    Raises:
        TracesError: The extra is not installed.
    """
    global _provider, _tracer
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracesError(f"traces need more packages (pip install {PACKAGES}): {error}") from error
    _provider = TracerProvider(resource=Resource.create({SERVICE_NAME: SERVICE}))
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = _provider.get_tracer(SERVICE)


def flush() -> None:
    """Send what is left, and trace no more."""
    global _provider, _tracer
    if _provider is not None:
        _provider.shutdown()
    _provider = _tracer = None


def span(name: str, begun: float, ended: float, **attributes: str | int) -> None:
    """Add a span to the request that is being served.

    It ran from ``begun`` to ``ended``, readings of :func:`time.monotonic`. Names of attributes get
    the prefix ``sureflow.``.
    """
    if _tracer is None:
        return
    offset = time_ns() - int(monotonic() * 1e9)
    named = {f"{SERVICE}.{key}": value for key, value in attributes.items()}
    made = _tracer.start_span(name, attributes=named, start_time=offset + int(begun * 1e9))
    made.end(offset + int(ended * 1e9))


@contextmanager
def measured(name: str) -> Iterator[None]:
    """Add what happens within as a span."""
    begun = monotonic()
    yield
    span(name, begun, monotonic())


class RequestTrace:
    """A span for every request, in the trace that its ``traceparent`` names, if it has one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if _tracer is None or scope["type"] != "http" or scope["path"].startswith(QUIET):
            await self.app(scope, receive, send)
            return
        from opentelemetry.propagate import extract
        from opentelemetry.trace import SpanKind

        parent = extract(dict(Headers(scope=scope)))
        facts = {"http.request.method": scope["method"], "url.path": scope["path"]}
        facts["sureflow.request_id"] = scope["state"]["request_id"]
        method = scope["method"]
        with _tracer.start_as_current_span(method, parent, SpanKind.SERVER, facts) as serving:

            async def watch(message: Message) -> None:
                if message["type"] == "http.response.start":
                    serving.set_attribute("http.response.status_code", message["status"])
                await send(message)

            await self.app(scope, receive, watch)
            # By its pattern, so that names stay few; a path that there is not has none.
            if route := scope.get("route"):
                serving.update_name(f"{method} {route.path}")
