"""What the two clients share: requests out, answers in, no I/O."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping, Sequence
from math import inf
from threading import TIMEOUT_MAX
from typing import Any
from urllib.parse import quote

import httpx
from typing_extensions import Self

from ._address import address, shown
from ._environment import check_proxies, proxy_to
from ._exceptions import (
    APIConnectionError,
    APITimeoutError,
    InvalidArgument,
    UnexpectedResponse,
)
from ._headers import headers_of
from ._plain import plain
from ._problem import response_error
from ._retry import Retry

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT = httpx.Timeout(300.0, connect=5.0)
POLL_SECONDS = 0.2
MAX_PAGE = 1000
SHORTEST_LOOK, LONGEST_LOOK, LOOK_SHARE = 0.05, 1.0, 0.1
HEALTH_TIMEOUT = 5.0

JSON = "application/json"
EVENTS = "text/event-stream"

MADE_WITH = ("url", "timeout", "headers", "api_key", "retry", "transport")
"""Arguments of clients."""

IDEMPOTENCY_KEY = "Idempotency-Key"


class BaseClient:
    """Where the server is, how long to wait for it, and how often to try again."""

    def __init__(self, url: str, retry: Retry | None, proxied: bool = True) -> None:
        self.url = address(url)
        if proxied:
            check_proxies()
        if not isinstance(retry, Retry | None):
            raise InvalidArgument("retry: a Retry says how often, such as Retry(attempts=3)")
        self.retry = retry or Retry()
        self._proxied = proxied
        self._timeout: Any = httpx.USE_CLIENT_DEFAULT

    @property
    def _way(self) -> str:
        """Where the server is and how it is reached, in words and without passwords."""
        proxy = proxy_to(self.url) if self._proxied else None
        return shown(self.url) if proxy is None else f"{shown(self.url)} through the proxy {proxy}"

    def with_options(
        self, *, timeout: float | httpx.Timeout | None = None, retry: Retry | None = None
    ) -> Self:
        """Return the same client, on the same connections, with another timeout or other retries.

        ``client.with_options(timeout=5).generate(...)`` waits for 5 s. What is left out stays as it
        is. Closing either closes the connections of both.

        Args:
            timeout: As for the constructor.
            retry: As for the constructor.
        """
        other = copy.copy(self)
        other._timeout = self._timeout if timeout is None else time_out(timeout)
        other.retry = self.retry if retry is None else retry
        return other

    def _options(
        self,
        method: str,
        path: Sequence[str],
        accept: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the arguments by which an httpx client builds a request.

        Args:
            method: Of HTTP.
            path: Below the address of the server; all but its first part are names, yet to quote.
            accept: The form of answer that is asked for.
            body: What is sent as JSON.
            query: What follows the path, without what is ``None``.
            headers: What else is said of it.
        """
        sent = {"Accept": accept, **(headers or {})}
        if body is not None and accept != EVENTS and self.retry.keyed:
            sent[IDEMPOTENCY_KEY] = uuid.uuid4().hex
        return {
            "method": method,
            "url": "/".join(
                (self.url + path[0], *(quote(str(name), safe="") for name in path[1:]))
            ),
            "params": {key: value for key, value in (query or {}).items() if value is not None},
            "json": body,
            "headers": sent,
            "timeout": self._timeout,
        }

    def __repr__(self) -> str:
        return f"{type(self).__name__}({shown(self.url)!r})"


def http_options(
    timeout: float | httpx.Timeout, headers: Mapping[str, str] | None, api_key: str | None
) -> dict[str, Any]:
    """Return the arguments that both kinds of httpx client are made with."""
    return {"timeout": time_out(timeout), "headers": headers_of(headers, api_key)}


def time_out(timeout: Any) -> httpx.Timeout | float | None:
    """Return a timeout as httpx takes it; none for one that never ends.

    Raises:
        InvalidArgument: It is no number of seconds.
    """
    if timeout is None or isinstance(timeout, httpx.Timeout):
        return timeout
    seconds = plain(timeout, "timeout") if timeout != inf else inf
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        raise InvalidArgument(f"timeout: {timeout!r} is no number of seconds above 0")
    return float(seconds) if seconds <= TIMEOUT_MAX else None


def check_stream(response: httpx.Response) -> None:
    """Raise `UnexpectedResponse` for a response that streams no events."""
    kind = response.headers.get("content-type", "")
    if not kind.startswith(EVENTS):
        raise UnexpectedResponse(
            f"{shown(response.url)} answered {kind or 'nothing'}, not {EVENTS}"
        )


def is_ready(response: httpx.Response) -> bool:
    """Return what a health response says: yes or, by 503, no."""
    if not response.is_success and response.status_code != 503:
        raise response_error(response)
    return response.is_success


def transport_error(error: httpx.RequestError, way: str) -> APIConnectionError:
    """Return the error of this package for one of the transport's."""
    if isinstance(error, httpx.LocalProtocolError):  # whose words have what was sent
        return APIConnectionError(f"the request to {way} could not be written as HTTP")
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return APITimeoutError(f"no answer in time from {way}: {reason}")
    return APIConnectionError(f"no answer from {way}: {reason}")


def pause_between_looks(waited: float, timeout: float | None) -> float:
    """Return for how long to leave a job alone that was waited for so long, in seconds.

    Whoever waits learns of its end a tenth too late at most, or a second.
    """
    pause = min(max(SHORTEST_LOOK, LOOK_SHARE * waited), LONGEST_LOOK)
    return pause if timeout is None else min(pause, max(timeout - waited, 0.0))
