"""The header ``Idempotency-Key``."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from sureflow_server.api.access import owner
from sureflow_server.api.disconnect import unless_disconnected
from sureflow_server.api.encoded import claim_of
from sureflow_server.api.off_loop import off_loop
from sureflow_server.api.problems import Problem
from sureflow_server.replays import REPLAYED, BusyKeyError, ReusedKeyError
from sureflow_server.service import Service

HEADER = "Idempotency-Key"
KEY = re.compile(r"[!-~]{1,255}", re.ASCII)

PARAMETERS: dict[str, Any] = {
    "parameters": [
        {
            "name": HEADER,
            "in": "header",
            "required": False,
            "description": "Sent again with the same path, `Accept` and body, a request gets the "
            "bytes of the first answer and is not done again; with another body, it gets 422.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        },
        {
            "name": "Prefer",
            "in": "header",
            "required": False,
            "description": "`respond-async` answers at once with 202 and a job, which survives its "
            "client; for answers in JSON.",
            "schema": {"type": "string"},
        },
    ]
}
"""What a route that makes something says of its headers in the OpenAPI document."""


def refuse_streams(request: Request) -> None:
    """Refuse the header where the answer is a stream of events, which is not kept.

    Raises:
        Problem: The request has it.
    """
    if HEADER in request.headers:
        raise Problem("not-acceptable", f"a stream is not replayed; leave {HEADER} out")


async def idempotent(request: Request, work: Callable[[], Awaitable[Response]]) -> Response:
    """Answer a request; with the header, do its work once, however often it is sent.

    The same key with the same path, ``Accept`` and body gets the bytes of the first answer, for as
    long as it is kept; while the first is under way, the others wait. A request that is refused,
    fails or is given up leaves its key free. Event streams are not kept.

    Raises:
        Problem: The header is malformed, or its key stands for another request.
        ClientDisconnect: The client left while it waited for another to be done.
    """
    keys = request.headers.getlist(HEADER)
    if not keys:
        return await work()
    if len(keys) > 1 or not KEY.fullmatch(keys[0]):
        message = "one key of 1 to 255 printable ASCII characters without spaces"
        raise Problem("malformed-header", f"{HEADER}: {message}", [(HEADER, message)])
    accept = ",".join(request.headers.getlist("accept"))
    parts = (request.url.path.encode(), accept.encode(), await request.body())
    size = sum(map(len, parts))
    fingerprint = await off_loop(lambda: b"".join(sha256(part).digest() for part in parts), size)
    replays, identity = Service.of(request).replays, (owner(request), keys[0], fingerprint)
    try:
        while True:
            try:
                response = await replays.replay_or_run(*identity, work)
                if REPLAYED in response.headers:
                    # All to whom it is sent again share its bytes.
                    claim_of(request).share(id(response.body), len(response.body))
                return response
            except BusyKeyError:
                await unless_disconnected(request, replays.idle(owner(request), keys[0]))
    except ReusedKeyError as error:
        raise Problem("idempotency-key-reuse", str(error), [(HEADER, str(error))]) from error
