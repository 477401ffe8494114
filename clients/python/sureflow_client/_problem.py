"""From a problem document to the error that it means."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from ._exceptions import (
    AuthenticationError,
    Conflict,
    DeadlineExceeded,
    DeadlineUnreachable,
    FieldError,
    Gone,
    HandleExpired,
    InvalidRequest,
    JobCancelled,
    LimitExceeded,
    LoadFailed,
    ModelFailed,
    ModelUnloaded,
    NotFound,
    NotReady,
    PayloadTooLarge,
    PermissionDenied,
    ProblemError,
    QueueFull,
    ServerError,
    StoreFull,
    StoreUnavailable,
    SureflowError,
    UnexpectedResponse,
    UnknownHandle,
    UnknownJob,
    UnknownModel,
    VersionGone,
)
from ._retry import retry_after

TYPE_PREFIX = "urn:sureflow:problem:"

TYPES: dict[str, type[ProblemError]] = {
    "unknown-model": UnknownModel,
    "unknown-handle": UnknownHandle,
    "version-gone": VersionGone,
    "handle-expired": HandleExpired,
    "unknown-job": UnknownJob,
    "cancelled": JobCancelled,
    "load-failed": LoadFailed,
    "model-unloaded": ModelUnloaded,
    "store-unavailable": StoreUnavailable,
    "store-full": StoreFull,
    "model-failed": ModelFailed,
    "deadline-unreachable": DeadlineUnreachable,
    "quota-exceeded": LimitExceeded,
    "rate-exceeded": LimitExceeded,
}
"""Types that say more than their status."""

STATUSES: dict[int, type[ProblemError]] = {
    400: InvalidRequest,
    401: AuthenticationError,
    403: PermissionDenied,
    404: NotFound,
    405: InvalidRequest,
    406: InvalidRequest,
    408: InvalidRequest,
    409: Conflict,
    410: Gone,
    413: PayloadTooLarge,
    414: PayloadTooLarge,
    415: InvalidRequest,
    422: InvalidRequest,
    429: QueueFull,
    431: PayloadTooLarge,
    503: NotReady,
    504: DeadlineExceeded,
}


def response_error(response: httpx.Response) -> SureflowError:
    """Return the error that an unsuccessful response stands for; its body has been read."""
    if response.status_code < 400:
        return UnexpectedResponse(f"{response.url} answered status {response.status_code}")
    try:
        document = json.loads(response.content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        document = {"title": response.reason_phrase}
    return problem_error(document, response.status_code, retry_after(response.headers))


def problem_error(
    document: Mapping[str, Any], status: int = 500, retry_after: float | None = None
) -> ProblemError:
    """Return the error that a problem document stands for.

    Args:
        document: The problem; any member may be missing, unknown ones are ignored.
        status: Status of the response, for a document that does not repeat it.
        retry_after: Seconds from the response's ``Retry-After``, if it had one.
    """
    own = document.get("status")
    status = own if isinstance(own, int) else status
    kind = _text(document, "type", "about:blank")
    return _class(kind, status)(
        status,
        type=kind,
        title=_text(document, "title"),
        detail=_text(document, "detail"),
        request_id=_text(document, "request_id") or None,
        errors=_field_errors(document.get("errors")),
        retry_after=retry_after,
    )


def _class(kind: str, status: int) -> type[ProblemError]:
    own = TYPES.get(kind.removeprefix(TYPE_PREFIX))
    return own or STATUSES.get(status, ServerError if status >= 500 else ProblemError)


def _text(document: Mapping[str, Any], name: str, default: str = "") -> str:
    value = document.get(name)
    return value if isinstance(value, str) else default


def _field_errors(errors: object) -> tuple[FieldError, ...]:
    if not isinstance(errors, Sequence) or isinstance(errors, str):
        return ()
    return tuple(_field_error(error) for error in errors if isinstance(error, Mapping))


def _field_error(error: Mapping[str, Any]) -> FieldError:
    return FieldError(field=_text(error, "field"), message=_text(error, "message"))
