"""When to send a request again, and after how long."""

from __future__ import annotations

import email.utils
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

import httpx

from ._exceptions import APIConnectionError, APITimeoutError

RETRIED_STATUSES = frozenset({429, 503})
"""The server refused before doing any work: queue full, or not ready."""

PROXY_STATUSES = frozenset({500, 502, 503, 504})
"""Without a problem document: a proxy lost the server that it had passed the request to."""

RETRIED_ERRORS = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout)


@dataclass(frozen=True)
class Retry:
    """How often a refused or unanswered request is sent again.

    Every request of this client is safe to repeat: one for samples carries its seed, and equal
    seeds give equal samples; and it carries an ``Idempotency-Key``, the same for every repetition,
    by which the server recognises what it has done already.

    Attributes:
        attempts: How many times to send again after the first; 0 never does.
        backoff: Longest wait in seconds before the first repetition; it doubles with each further
            one. The actual wait is drawn uniformly between half of it and all of it, so that
            refused clients do not come back together.
        longest: Longest wait in seconds. A ``Retry-After`` beyond it is not waited for; the error
            is raised at once, with its ``retry_after``.
        keyed: Whether to send that key. Streams never have one: nothing is kept of them.
    """

    attempts: int = 2
    backoff: float = 0.5
    longest: float = 30.0
    keyed: bool = True

    def after_response(self, response: httpx.Response, attempt: int) -> float | None:
        """Return the seconds to wait before repetition ``attempt``, from 0; ``None`` to stop.

        A problem document without ``Retry-After`` is Sureflow's way to say that waiting will not
        help; a bare error comes from a proxy whose server is away for a moment, or has died.
        """
        retried = RETRIED_STATUSES if _is_problem(response) else RETRIED_STATUSES | PROXY_STATUSES
        if response.status_code not in retried or attempt >= self.attempts:
            return None
        requested = retry_after(response.headers)
        if requested is None:
            return None if _is_problem(response) else self._jittered(attempt)
        return max(requested, self._jittered(attempt)) if requested <= self.longest else None

    def after_error(self, error: httpx.RequestError, attempt: int) -> float | None:
        """Like :meth:`after_response`, for a request that got no answer.

        A connection that failed or broke is tried again. A server that was too slow is not: the
        caller's timeout has passed, and the request may still be running.
        """
        if attempt >= self.attempts or not isinstance(error, RETRIED_ERRORS):
            return None
        return self._jittered(attempt)

    def after_break(self, error: APIConnectionError, heard: bool) -> float | None:
        """Like :meth:`after_response`, for a stream of events that broke and can be resumed.

        One that brings nothing before it breaks is given up.

        Args:
            error: How it broke.
            heard: Whether it had brought an event.
        """
        if not heard or self.attempts < 1 or isinstance(error, APITimeoutError):
            return None
        return self._jittered(0)

    def _jittered(self, attempt: int) -> float:
        ceiling: float = min(self.longest, self.backoff * 2**attempt)
        return ceiling * random.uniform(0.5, 1.0)


def _is_problem(response: httpx.Response) -> bool:
    kind: str = response.headers.get("Content-Type", "")
    return kind.startswith("application/problem+json")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read when to try again as seconds from now; ``None`` when absent or unreadable.

    ``Retry-After-Ms``, in milliseconds, goes before the coarser ``Retry-After``.
    """
    exact = headers.get("Retry-After-Ms", "").strip()
    if exact.isdecimal():
        return float(exact) / 1000
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        when = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return max(0.0, (when - datetime.now(timezone.utc)).total_seconds())
