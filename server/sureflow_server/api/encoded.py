"""Answers that are encoded, and sent as their readers take them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from sureflow_server.api.answer_budget import Claim
from sureflow_server.api.json_pieces import pieces
from sureflow_server.api.off_loop import off_loop
from sureflow_server.turns import Turns

SLICE_BYTES = 32 << 10
"""Sent at a time; what a connection holds beyond the answer itself."""

TURN = 8
"""Slices after which others have a turn, even if the reader takes them at once."""

JSON = "application/json"


class Encoded(Response):
    """Sends parts one after the other, in slices, each once there is room for it.

    Attributes:
        body: The whole, as bytes, if it is a single part; else an empty view.
    """

    def __init__(
        self,
        parts: Sequence[bytes],
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = JSON,
    ) -> None:
        alone = parts[0] if len(parts) == 1 else memoryview(b"")
        length = {"Content-Length": str(sum(map(len, parts)))}
        super().__init__(alone, status_code, {**(headers or {}), **length}, media_type)
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and return when all but the last slice has been taken."""
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            turns = Turns(TURN)
            for piece in _slices(self._parts):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await turns.step()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def encoded(
    request: Request,
    document: Callable[[], Mapping[str, Any]],
    nbytes: int,
) -> Encoded:
    """Return a JSON document, made and encoded off the event loop if it is large.

    Args:
        request: What it answers; its claim comes to what the answer takes.
        document: Makes the document.
        nbytes: What the answer takes, about.
    """
    body = await off_loop(lambda: _joined(pieces(dict(document()))), nbytes)
    claim_of(request).resize(len(body))
    return Encoded((body,))


def claim_of(request: Request) -> Claim:
    """Return what the answer to a request holds; it is let go of when the answer has been sent."""
    claim: Claim = request.state.claim
    return claim


def _joined(parts: Iterator[bytes]) -> bytes:
    """The parts in one, without holding all of them beside it."""
    buffer = BytesIO()
    for part in parts:
        buffer.write(part)
    return buffer.getvalue()


def _slices(parts: Sequence[bytes]) -> Iterator[bytes]:
    """Small parts together, and large ones divided."""
    collected: list[bytes] = []
    size = 0
    for part in parts:
        if size and size + len(part) > SLICE_BYTES:
            yield b"".join(collected)
            collected, size = [], 0
        if len(part) > SLICE_BYTES:
            for start in range(0, len(part), SLICE_BYTES):
                yield part[start : start + SLICE_BYTES]
        else:
            collected.append(part)
            size += len(part)
    if size:
        yield b"".join(collected)
