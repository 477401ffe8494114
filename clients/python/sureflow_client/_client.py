"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from types import TracebackType
from typing import Any

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


class Client(BaseClient):
    """Talks to a Sureflow server; `AsyncClient` is its twin for ``async`` code.

    May be shared between threads. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        timeout: float | httpx.Timeout = DEFAULT_TIMEOUT,
        headers: Mapping[str, str] | None = None,
        api_key: str | None = None,
        retry: Retry | None = None,
        transport: httpx.BaseTransport | None = None,
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
        self._http = httpx.Client(**http_options(timeout, headers, api_key), transport=transport)

    def generate(
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
        return read(Result, self._send("POST", GENERATE, body).content)

    def stream(
        self, model: str | None = None, n: int | None = None, **options: Unpack[GenerateOptions]
    ) -> Generator[Event, None, None]:
        """Generate samples and yield events, each sample as soon as it is finished.

        The arguments are those of `generate`; the last event is `Completed`. Whoever leaves the
        loop early hangs up, and the server stops working on the request.

        Raises:
            ProblemError: The server refused, or failed half way.
            APIConnectionError: No answer, or it broke off; a stream is not resumed.
            UnexpectedResponse: The answer is not a Sureflow server's.
        """
        body = generate_body(model, n, **options)
        response = self._send("POST", GENERATE, body, accept=EVENTS)
        try:
            check_stream(response)
            for message in EventSource(response).iter_sse():
                event = read_event(message)
                if event is not None:
                    yield event
                if isinstance(event, Completed):
                    return
        except httpx.RequestError as error:
            raise transport_error(error, self.url) from error
        finally:
            response.close()
        raise broken_stream(self.url)

    def models(self) -> tuple[Model, ...]:
        """Return the cards of all models that the server offers."""
        return read(ModelList, self._send("GET", MODELS).content).models

    def model(self, name: str) -> Model:
        """Return the card of one model; raise `NotFound` where none has that name."""
        return read(Model, self._send("GET", model_path(name)).content)

    def health(self) -> bool:
        """Return whether the server's process answers."""
        return self._probe(LIVE)

    def ready(self) -> bool:
        """Return whether the server would take a request now; false also when unreachable."""
        return self._probe(READY)

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Return as soon as the server takes requests; raise `APITimeoutError` if it never does.

        Args:
            timeout: Longest wait in seconds.
        """
        deadline = time.monotonic() + timeout
        while not self.ready():
            if time.monotonic() >= deadline:
                raise never_ready(self.url, timeout)
            time.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _probe(self, path: str) -> bool:
        try:
            return is_ready(self._http.get(self.url + path, timeout=PROBE_TIMEOUT))
        except httpx.TransportError:
            return False

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, accept: str = JSON
    ) -> httpx.Response:
        """Return the successful response to a request; its body is read unless it streams."""
        url = self.url + path
        request = self._http.build_request(method, url, json=body, headers={"Accept": accept})
        attempt = 0
        while True:
            try:
                response = self._http.send(request, stream=accept == EVENTS)
                if response.is_success:
                    return response
                response.read()
            except httpx.RequestError as error:
                wait = self.retry.after_error(error, attempt)
                if wait is None:
                    raise transport_error(error, self.url) from error
            else:
                wait = self.retry.after_response(response, attempt)
                if wait is None:
                    raise response_error(response)
            time.sleep(wait)
            attempt += 1
