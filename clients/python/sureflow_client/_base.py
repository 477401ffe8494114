"""What the two clients share: requests out, answers in, no I/O."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from ._exceptions import APIConnectionError, APITimeoutError, UnexpectedResponse
from ._problem import response_error
from ._retry import Retry
from ._version import __version__

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_TIMEOUT = httpx.Timeout(300.0, connect=5.0)
POLL_SECONDS = 0.2
PROBE_TIMEOUT = 5.0

API_KEY = "SUREFLOW_API_KEY"
"""Environment variable with the API key of clients that are given none."""

GENERATE = "/v1/generate"
MODELS = "/v1/models"
LIVE = "/health/live"
READY = "/health/ready"

JSON = "application/json"
EVENTS = "text/event-stream"

Answer = TypeVar("Answer", bound=BaseModel)


class BaseClient:
    """Where the server is and how patient to be with it."""

    def __init__(self, url: str, retry: Retry | None) -> None:
        self.url = url.rstrip("/")
        self.retry = retry or Retry()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"


def http_options(
    timeout: float | httpx.Timeout, headers: Mapping[str, str] | None, api_key: str | None
) -> dict[str, Any]:
    """Return the arguments that both kinds of httpx client are made with."""
    own = {"User-Agent": f"sureflow-client/{__version__}"}
    api_key = os.environ.get(API_KEY) if api_key is None else api_key
    key = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    return {"timeout": timeout, "headers": {**own, **key, **(headers or {})}}


def model_path(name: str) -> str:
    """Return the path of one model's card."""
    return f"{MODELS}/{quote(name, safe='')}"


def read(answer: type[Answer], content: str | bytes) -> Answer:
    """Return JSON text as ``answer``; raise `UnexpectedResponse` where it does not fit."""
    try:
        return answer.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in (answer.__name__, *first["loc"]))
        raise UnexpectedResponse(f"{where}: {first['msg']}") from error


def check_stream(response: httpx.Response) -> None:
    """Raise `UnexpectedResponse` for a response that streams no events."""
    kind = response.headers.get("content-type", "")
    if not kind.startswith(EVENTS):
        raise UnexpectedResponse(f"{response.url} answered {kind or 'nothing'}, not {EVENTS}")


def is_ready(response: httpx.Response) -> bool:
    """Return what a health response says: yes or, by 503, no."""
    if not response.is_success and response.status_code != 503:
        raise response_error(response)
    return response.is_success


def transport_error(error: httpx.RequestError, url: str) -> APIConnectionError:
    """Return the error of this package for one of the transport's."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return APITimeoutError(f"no answer in time from {url}: {reason}")
    return APIConnectionError(f"no answer from {url}: {reason}")


def broken_stream(url: str) -> APIConnectionError:
    """Return the error for a stream that ended without its last event."""
    return APIConnectionError(f"the stream from {url} ended before the request was completed")


def never_ready(url: str, timeout: float) -> APITimeoutError:
    """Return the error for a server that was waited for in vain."""
    return APITimeoutError(f"{url} was not ready within {timeout:g} s")
