"""The client for ``async`` code."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any

import anyio
import httpx
from httpx_sse import EventSource
from typing_extensions import Self, Unpack

from ._base import (
    DEFAULT_TIMEOUT,
    DEFAULT_URL,
    EVENTS,
    GENERATE,
    JSON,
    LIVE,
    MODELS,
    POLL_SECONDS,
    PROBE_TIMEOUT,
    READY,
    BaseClient,
    broken_stream,
    check_stream,
    http_options,
    is_ready,
    model_path,
    never_ready,
    read,
    transport_error,
)
from ._events import Completed, Event, read_event
from ._model import Model, ModelList
from ._problem import response_error
from ._request import GenerateOptions, generate_body
from ._result import Result
from ._retry import Retry


class AsyncClient(BaseClient):
    """Talks to a Sureflow server without blocking; `Client` is its twin.

    May be shared between tasks. Close it, or use it as an ``async`` context manager.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        timeout: float | httpx.Timeout = DEFAULT_TIMEOUT,
        headers: Mapping[str, str] | None = None,
        api_key: str | None = None,
        retry: Retry | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
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
        """
        super().__init__(url, retry)
        options = http_options(timeout, headers, api_key)
        self._http = httpx.AsyncClient(**options, transport=transport)

    async def generate(
        self, model: str | None = None, n: int | None = None, **options: Unpack[GenerateOptions]
    ) -> Result:
        """Generate samples and wait for all of them.

        Args:
            model: Name of the model; the server's default where left out.
            n: Number of samples, by default 1. Sample ``i`` is the same for every ``n > i``.
                With ``filter={"accept": ...}``, leave it out.
            **options: ``seed, label, guidance, method, steps, tolerance, min_steps, max_steps,
                grid, parallel, parallel_tolerance, score, also, profile, map, filter, deadline_s,
                priority, output``; see `GenerateOptions`.

        Raises:
            ProblemError: The server refused; the subclass says why.
            APIConnectionError: No answer, or none in time.
            UnexpectedResponse: The answer is not a Sureflow server's.
        """
        body = generate_body(model, n, **options)
        return read(Result, (await self._send("POST", GENERATE, body)).content)

    async def stream(
        self, model: str | None = None, n: int | None = None, **options: Unpack[GenerateOptions]
    ) -> AsyncGenerator[Event, None]:
        """Generate samples and yield events, each sample as soon as it is finished.

        The arguments are those of `generate`; the last event is `Completed`. To leave the
        loop early, close the generator (``contextlib.aclosing`` does): that hangs up, and the
        server stops working on the request.

        Raises:
            ProblemError: The server refused, or failed half way.
            APIConnectionError: No answer, or it broke off; a stream is not resumed.
            UnexpectedResponse: The answer is not a Sureflow server's.
        """
        body = generate_body(model, n, **options)
        response = await self._send("POST", GENERATE, body, accept=EVENTS)
        try:
            check_stream(response)
            async with aclosing(EventSource(response).aiter_sse()) as messages:
                async for message in messages:
                    event = read_event(message)
                    if event is not None:
                        yield event
                    if isinstance(event, Completed):
                        return
        except httpx.RequestError as error:
            raise transport_error(error, self.url) from error
        finally:
            await response.aclose()
        raise broken_stream(self.url)

    async def models(self) -> tuple[Model, ...]:
        """Return the cards of all models that the server offers."""
        return read(ModelList, (await self._send("GET", MODELS)).content).models

    async def model(self, name: str) -> Model:
        """Return the card of one model; raise `NotFound` where none has that name."""
        return read(Model, (await self._send("GET", model_path(name))).content)

    async def health(self) -> bool:
        """Return whether the server's process answers."""
        return await self._probe(LIVE)

    async def ready(self) -> bool:
        """Return whether the server would take a request now; false also when unreachable."""
        return await self._probe(READY)

    async def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Return as soon as the server takes requests; raise `APITimeoutError` if it never does.

        Args:
            timeout: Longest wait in seconds.
        """
        deadline = anyio.current_time() + timeout
        while not await self.ready():
            if anyio.current_time() >= deadline:
                raise never_ready(self.url, timeout)
            await anyio.sleep(POLL_SECONDS)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _probe(self, path: str) -> bool:
        try:
            return is_ready(await self._http.get(self.url + path, timeout=PROBE_TIMEOUT))
        except httpx.TransportError:
            return False

    async def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, accept: str = JSON
    ) -> httpx.Response:
        """Return the successful response to a request; its body is read unless it streams."""
        url = self.url + path
        request = self._http.build_request(method, url, json=body, headers={"Accept": accept})
        attempt = 0
        while True:
            try:
                response = await self._http.send(request, stream=accept == EVENTS)
                if response.is_success:
                    return response
                await response.aread()
            except httpx.RequestError as error:
                wait = self.retry.after_error(error, attempt)
                if wait is None:
                    raise transport_error(error, self.url) from error
            else:
                wait = self.retry.after_response(response, attempt)
                if wait is None:
                    raise response_error(response)
            await anyio.sleep(wait)
            attempt += 1
