"""The connections of a client, which belong to the event loop that opened them."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable

import httpx

from .._environment import made
from .._exceptions import SureflowError
from .._loops import running_loop


class AsyncPool:
    """One httpx client for each event loop, so that a client outlives ``asyncio.run``."""

    def __init__(self, make: Callable[[], httpx.AsyncClient]) -> None:
        """Make the first one, so that what is wrong with it shows at once.

        Args:
            make: Makes one.

        Raises:
            InvalidArgument: None can be made.
        """
        self._make = make
        self._spare: httpx.AsyncClient | None = made(make)
        self._lock = threading.Lock()
        self._open: dict[object, AsyncGenerator[httpx.AsyncClient, None]] = {}
        self._clients: dict[object, httpx.AsyncClient] = {}
        self._closed = False

    async def client(self) -> httpx.AsyncClient:
        """Return that of the event loop that runs.

        Raises:
            SureflowError: All are closed.
        """
        loop = running_loop()
        with self._lock:
            if self._closed:
                raise SureflowError("this client is closed; make another one")
            known = self._clients.get(loop)
            if known is not None:
                return known
            client = self._clients[loop] = self._spare or made(self._make)
            self._spare = None
            closing = self._open[loop] = self._until_closed(loop, client)
        # Once it has begun, the loop closes it when it ends, as it does with every generator.
        return await closing.__anext__()

    async def aclose(self) -> None:
        """Close those of this event loop, and open no others."""
        self._closed = True
        spare, self._spare = self._spare, None
        if spare is not None:
            await spare.aclose()
        closing = self._open.pop(running_loop(), None)
        if closing is not None:
            await closing.aclose()

    async def _until_closed(
        self, loop: object, client: httpx.AsyncClient
    ) -> AsyncGenerator[httpx.AsyncClient, None]:
        try:
            yield client
        finally:
            self._clients.pop(loop, None)
            self._open.pop(loop, None)
            await client.aclose()
