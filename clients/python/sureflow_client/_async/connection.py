"""The connection to a server: requests sent, answers and events read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import anyio
import httpx
from httpx_sse import EventSource
from typing_extensions import Never, Self

from .._base import (
    DEFAULT_TIMEOUT,
    DEFAULT_URL,
    EVENTS,
    HEALTH_TIMEOUT,
    JSON,
    MADE_WITH,
    BaseClient,
    check_stream,
    http_options,
    is_ready,
    transport_error,
)
from .._events import Completed, Event, read_event
from .._exceptions import APIConnectionError
from .._names import check_known
from .._problem import response_error
from .._retry import Retry
from .._wire import Document, read
from .pool import AsyncPool


class AsyncConnection(BaseClient):
    """Sends calls to a server, some of them again, and reads what comes back."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        timeout: float | httpx.Timeout = DEFAULT_TIMEOUT,
        headers: Mapping[str, str] | None = None,
        api_key: str | None = None,
        retry: Retry | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        **unknown: Never,
    ) -> None:
        """Prepare the client; nothing is sent yet.

        Args:
            url: Where the server listens.
            timeout: Seconds to wait for an answer, or an ``httpx.Timeout``. A stream waits that
                long for each next sign of life.
            headers: Sent with every request.
            api_key: Sent with every request, as a bearer token; by default that of the
                environment variable ``SUREFLOW_API_KEY``, if any.
            retry: How often to send a refused or unanswered request again.
            transport: What carries the requests, in place of the network.
            **unknown: There are no others; an error names the nearest.

        Raises:
            InvalidArgument: An argument, or a variable of the environment such as ``no_proxy``,
                cannot be used; the message names it.
        """
        check_known(type(self).__name__, unknown, MADE_WITH)
        super().__init__(url, retry, proxied=transport is None)
        options = http_options(timeout, headers, api_key)
        self._pool = AsyncPool(lambda: httpx.AsyncClient(**options, transport=transport))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    async def _is_healthy(self, path: str) -> bool:
        """Return what a health path answers; false also when the server is unreachable."""
        http = await self._pool.client()
        try:
            return is_ready(await http.get(self.url + path, timeout=HEALTH_TIMEOUT))
        except httpx.RequestError:
            return False

    async def _listen(self, *where: str, **sent: Any) -> AsyncGenerator[tuple[str, Event], None]:
        """Yield the events of a request and their numbers, to the last one; see `_send`."""
        response = await self._send(*where, accept=EVENTS, **sent)
        # Either kind can be closed; httpx-sse does not say so of the blocking one.
        messages: Any = EventSource(response).aiter_sse()
        try:
            check_stream(response)
            async with aclosing(messages):
                async for message in messages:
                    event = read_event(message)
                    if event is not None:
                        yield message.id, event
                    if isinstance(event, Completed):
                        return
        except httpx.RequestError as error:
            raise transport_error(error, self._way) from error
        finally:
            await response.aclose()
        raise APIConnectionError(f"the stream from {self._way} ended before its last event")

    async def _ask(self, kind: type[Document], *where: str, **sent: Any) -> Document:
        """Return the answer to a request; see `_send`."""
        return read(kind, (await self._send(*where, **sent)).content)

    async def _send(
        self, method: str, *path: str, accept: str = JSON, **sent: Any
    ) -> httpx.Response:
        """Return the successful response to a request; its body is read unless it streams."""
        http = await self._pool.client()
        request = http.build_request(**self._options(method, path, accept, **sent))
        attempt = 0
        while True:
            try:
                response = await http.send(request, stream=accept == EVENTS)
                if response.is_success:
                    return response
                await response.aread()
            except httpx.RequestError as error:
                wait = self.retry.after_error(error, attempt)
                if wait is None:
                    raise transport_error(error, self._way) from error
            else:
                wait = self.retry.after_response(response, attempt)
                if wait is None:
                    raise response_error(response)
            await anyio.sleep(wait)
            attempt += 1
