"""Connections that cannot be accepted, since the process has no descriptor left for them."""

from __future__ import annotations

import asyncio
import errno
import logging
from time import monotonic
from typing import Any

QUIET_S = 60.0
"""Seconds in which it is said once."""

SCARCE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

RETRY = "_start_serving"
"""What asyncio calls to try again."""

log = logging.getLogger(__name__)


class ScarceDescriptors:
    """Handles errors of the event loop; asyncio reports this one some thousand times a second.

    The connections wait in the system's queue, and asyncio tries again every second.
    """

    def __init__(self) -> None:
        self._said: float | None = None

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Say that connections wait, and pass every other error on."""
        error = context.get("exception")
        if RETRY in context.get("message", "") and isinstance(error, ValueError):
            return  # the server has ended while connections waited
        if "socket" not in context or not isinstance(error, OSError) or error.errno not in SCARCE:
            loop.default_exception_handler(context)
        elif self._said is None or monotonic() > self._said + QUIET_S:
            self._said = monotonic()
            log.error("connections wait: %s; `ulimit -n` allows too few", error.strerror)
