"""HTTP as uvicorn reads it, with bounds on what a request may have before its body."""

from __future__ import annotations

import asyncio
import json
from asyncio.events import TimerHandle
from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from sureflow_server.api.headers import ALWAYS, DATA_POLICY
from sureflow_server.api.problems import MEDIA_TYPE, Problem
from sureflow_server.outlet import Outlet

MAX_URL_BYTES = 8 << 10
MAX_HEADERS = 100
MAX_HEAD_BYTES = 32 << 10
"""Of the URL and all headers together, trailers included."""

HEAD_S = 20.0
"""Seconds in which a connection must send its headers once it has been opened, or has begun to."""


WRITE_S = 30.0
"""Seconds in which a client must take something of what waits for it, unless told otherwise."""


class BoundedProtocol(HttpToolsProtocol):
    """Answers 400, 414 or 431 and hangs up, where uvicorn would collect without end.

    What the parser has been fed and not yet made anything of is counted, since it collects a header
    of any length before it tells; and what it has told is counted once the head is complete. Hangs
    up on clients that take nothing of their answers.
    """

    def __init__(
        self,
        *args: Any,
        write_timeout_s: float = WRITE_S,
        unread: Callable[[], None] = lambda: None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._write_timeout_s = write_timeout_s
        self._note_unread = unread
        self._outlet: Outlet | None = None
        self._unread = 0
        self._timer: TimerHandle | None = None
        self._refusal: tuple[str, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the head of a request, but not for long."""
        super().connection_made(transport)
        self._outlet = Outlet(transport, self._write_timeout_s, self._note_unread)
        self.transport = cast(asyncio.Transport, self._outlet)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._progress()
        if self._outlet is not None:
            self._outlet.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and see what it makes of it."""
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MAX_HEAD_BYTES:
            self._refusal = self._too_large()
            self.send_400_response("")
        elif self._unread and self._timer is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """Begin with a request whose head is within bounds."""
        self._progress()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if len(self.url) > MAX_URL_BYTES:
            self._refusal = "uri-too-long", f"a URL may have at most {MAX_URL_BYTES} bytes"
        elif size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._refusal = self._too_large()
        if self._refusal is not None:
            raise ValueError(self._refusal[1])
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body; how long it may be is the application's to say."""
        self._progress()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        self._progress()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer with a problem document, unless another answer is under way, and hang up."""
        self._progress()
        if not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self.transport.write(_problem(*self._refusal or ("malformed-request", msg)))
        self.transport.close()

    def _too_large(self) -> tuple[str, str]:
        message = f"at most {MAX_HEADERS} headers, and {MAX_HEAD_BYTES} bytes with the URL"
        return "headers-too-large", message

    def _wait(self) -> None:
        self._timer = self.loop.call_later(HEAD_S, self.transport.close)

    def _progress(self) -> None:
        self._unread = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _problem(kind: str, detail: str) -> bytes:
    problem, request_id = Problem(kind, detail), f"req_{uuid4().hex}"
    body = json.dumps(problem.as_json("", request_id)).encode()
    headers = {
        **ALWAYS,
        "Content-Security-Policy": DATA_POLICY,
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(len(body)),
        "X-Request-Id": request_id,
        "Connection": "close",
    }
    lines = "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items())
    return STATUS_LINE[problem.status_code] + lines.encode() + b"\r\n" + body
