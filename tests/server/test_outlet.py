"""Who takes nothing of an answer is hung up on; who takes it slowly is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from sureflow_server.api.encoded import Encoded
from sureflow_server.protocol import BoundedProtocol

PATIENCE_S = 0.4
BODY = bytes(4 << 20)
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Served:
    """An application that answers with the body, and what became of its answers."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.sent = self.unread = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Encoded((self.body,))(scope, receive, send)
        self.sent += 1

    def hung_up(self) -> None:
        self.unread += 1


async def reading(served: Served, read: Callable[[Streams], Awaitable[None]]) -> None:
    """Serve, and read as told."""
    config = Config(served, ws="none")
    loop = asyncio.get_running_loop()

    def protocol() -> BoundedProtocol:
        options = {"write_timeout_s": PATIENCE_S, "unread": served.hung_up}
        return BoundedProtocol(config, ServerState(), {}, **options)

    listener = await loop.create_server(protocol, "127.0.0.1")
    async with listener:
        address = listener.sockets[0].getsockname()
        streams = await asyncio.open_connection(*address, limit=1 << 16)
        streams[1].write(REQUEST)
        try:
            await read(streams)
        finally:
            streams[1].transport.abort()
            with suppress(ConnectionError):
                await streams[1].wait_closed()


@pytest.mark.parametrize("size", [len(BODY), 2 << 20], ids=["much", "less"])
def test_who_takes_nothing_is_hung_up_on(size: int) -> None:
    served = Served(BODY[:size])

    async def read(streams: Streams) -> None:
        async with asyncio.timeout(20):
            while not served.unread:
                await asyncio.sleep(0.01)
            while not served.sent:
                await asyncio.sleep(0.01)
        with pytest.raises(ConnectionResetError):
            await streams[0].read()

    asyncio.run(reading(served, read))
    assert served.unread == 1


def test_who_reads_slowly_gets_all() -> None:
    """In many times as long as a client has to take something."""
    served = Served(BODY)

    async def read(streams: Streams) -> None:
        taken = 0
        begun = asyncio.get_running_loop().time()
        while taken < len(BODY):
            part = await streams[0].read(1 << 16)
            assert part
            taken += len(part)
            await asyncio.sleep(PATIENCE_S / 20)
        assert asyncio.get_running_loop().time() - begun > 2 * PATIENCE_S

    asyncio.run(reading(served, read))
    assert (served.sent, served.unread) == (1, 0)


def test_a_connection_that_rests_is_left_alone() -> None:
    served = Served(b"short")

    async def read(streams: Streams) -> None:
        for _ in range(2):
            await streams[0].readuntil(b"short")
            await asyncio.sleep(2 * PATIENCE_S)
            streams[1].write(REQUEST)

    asyncio.run(reading(served, read))
    assert served.unread == 0
