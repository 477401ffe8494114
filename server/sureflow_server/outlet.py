"""What a connection sends, and whether anybody takes it."""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio.events import TimerHandle
from collections.abc import Callable
from typing import Any

HIGH_WATER_BYTES = 32 << 10
"""Waiting to be sent, above which more is not accepted."""

INTERNET = (socket.AF_INET, socket.AF_INET6)

LOOKS = 4
"""Within the time that a client has."""


class Outlet:
    """A transport that hangs up if nothing of what waits is taken for a while.

    Args:
        transport: What it writes to.
        patience_s: Seconds in which the client must take something.
        unread: Called when it has not.
    """

    def __init__(
        self, transport: asyncio.Transport, patience_s: float, unread: Callable[[], None]
    ) -> None:
        self._transport = transport
        self._patience_s = patience_s
        self._unread = unread
        self._written = self._taken = 0
        self._idle = 0
        self._timer: TimerHandle | None = None
        transport.set_write_buffer_limits(HIGH_WATER_BYTES)
        # Else the kernel takes megabytes for a client that takes none of them.
        self._set_option(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, HIGH_WATER_BYTES)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send bytes; those that are not taken at once wait."""
        self._written += len(data)
        self._transport.write(data)
        if self._timer is None and self._transport.get_write_buffer_size():
            self._taken, self._idle = self._sent, 0
            self._wait()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _sent(self) -> int:
        return self._written - self._transport.get_write_buffer_size()

    def _set_option(self, level: int, name: int, value: int | bytes) -> None:
        connection = self._transport.get_extra_info("socket")
        if connection is not None and connection.family in INTERNET:
            connection.setsockopt(level, name, value)

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._patience_s / LOOKS, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._transport.get_write_buffer_size():
            return
        sent = self._sent
        self._idle = 0 if sent > self._taken else self._idle + 1
        self._taken = sent
        if self._idle == LOOKS:
            self._unread()
            # What the kernel has is given up as well.
            self._set_option(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        else:
            self._wait()
