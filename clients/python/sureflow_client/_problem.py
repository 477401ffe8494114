"""From a problem document to the error that it means."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from ._address import shown
from ._exceptions import (
    KINDS,
    FieldError,
    ProblemError,
    ServerError,
    SureflowError,
    UnexpectedResponse,
)
from ._retry import retry_after

TYPE_PREFIX = "urn:sureflow:problem:"


def response_error(response: httpx.Response) -> SureflowError:
    """Return the error that an unsuccessful response stands for; its body has been read."""
    if response.status_code < 400:
        return UnexpectedResponse(f"{shown(response.url)} answered status {response.status_code}")
    document = json_object(response.content) or {"title": response.reason_phrase}
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
    usual = ServerError if status >= 500 else ProblemError
    error = KINDS.get(kind.removeprefix(TYPE_PREFIX)) or KINDS.get(status, usual)
    return error(
        status,
        type=kind,
        title=_text(document, "title"),
        detail=_text(document, "detail"),
        request_id=_text(document, "request_id") or None,
        errors=_field_errors(document.get("errors")),
        retry_after=retry_after,
    )


def json_object(text: str | bytes) -> dict[str, Any] | None:
    """Return the JSON object that a text is; ``None`` if it is something else."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _text(document: Mapping[str, Any], name: str, default: str = "") -> str:
    value = document.get(name)
    return value if isinstance(value, str) else default


def _field_errors(errors: object) -> tuple[FieldError, ...]:
    if not isinstance(errors, Sequence) or isinstance(errors, str):
        return ()
    return tuple(
        FieldError(_text(error, "field"), _text(error, "message"))
        for error in errors
        if isinstance(error, Mapping)
    )
