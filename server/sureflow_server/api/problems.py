"""Problem documents (RFC 9457): the shape in which this server reports an error.

Protocols of others have their own; see :mod:`sureflow_server.api.dialect`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from sureflow.core.schema import InvalidFieldError
from sureflow_server.api.dialect import Dialect, Failure, dialect_at, dialect_of
from sureflow_server.api.public_text import printable, shown
from sureflow_server.engine.errors import EngineError, ImpossibleError
from sureflow_server.store import StoreError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:sureflow:problem:"

TITLES = {
    "malformed-body": (400, "The body is not JSON"),
    "malformed-header": (400, "A header is malformed"),
    "malformed-request": (400, "This is not HTTP"),
    "unauthorized": (401, "The API key is missing or refused"),
    "forbidden": (403, "The API key is not good for this"),
    "foreign-host": (403, "The server does not go by this name"),
    "foreign-origin": (403, "Pages of this origin may not use the server"),
    "not-found": (404, "No such path"),
    "unknown-model": (404, "No such model"),
    "unknown-handle": (404, "No such handle"),
    "unknown-job": (404, "No such job"),
    "unknown-draw": (404, "No such draw was proposed"),
    "unknown-response": (404, "No such answer is remembered"),
    "method-not-allowed": (405, "The path does not know this method"),
    "not-acceptable": (406, "The answer cannot take any of the accepted forms"),
    "body-too-slow": (408, "The body took too long to arrive"),
    "version-gone": (409, "The model version of the handle is not loaded"),
    "replay-approximate": (409, "The trajectory was made on other kernels"),
    "cancelled": (409, "The job was cancelled"),
    "not-calibrated": (409, "The model has no tables of reference draws"),
    "calibration-changed": (409, "The calibration beside the model is not the one in service"),
    "certificate-withdrawn": (409, "The certificate does not hold any more"),
    "too-few-verdicts": (409, "The verdicts do not suffice yet"),
    "no-review": (409, "The model cannot be reviewed"),
    "load-failed": (409, "The model could not be loaded; what was in service still is"),
    "handle-expired": (410, "The handle has expired"),
    "handle-damaged": (410, "The handle is damaged"),
    "bodies-full": (429, "As many bodies are under way as there is room for"),
    "payload-too-large": (413, "The body is too large"),
    "uri-too-long": (414, "The URL is too long"),
    "unsupported-media-type": (415, "The body must be application/json"),
    "validation": (422, "The request does not fit its schema"),
    "idempotency-key-reuse": (422, "The idempotency key stands for another request"),
    "too-many-samples": (422, "The API key never allows so many samples at a time"),
    "no-image": (422, "No sample came to an image that may be sent"),
    "answer-too-large": (422, "The answer would be larger than any may be"),
    "load-under-way": (429, "Another model is being loaded"),
    "queue-full": (429, "The queue is full"),
    "quota-exceeded": (429, "The API key has as many samples under way as it may"),
    "rate-exceeded": (429, "The API key has started as many samples as it may for now"),
    "deadline-unreachable": (429, "The deadline cannot be met"),
    "reads-exceeded": (429, "The client has read as often as it may for now"),
    "answers-unread": (429, "The client has yet to read what it asked for before"),
    "headers-too-large": (431, "The headers are too large"),
    "internal": (500, "The server failed"),
    "request-failed": (500, "The samples could not be made"),
    "out-of-memory": (503, "There was no memory for the samples"),
    "model-failed": (503, "The model could not be loaded"),
    "model-unloaded": (503, "The model has been unloaded"),
    "not-ready": (503, "The server is not ready"),
    "draining": (503, "The server is shutting down"),
    "answers-full": (503, "Too many answers are still being read"),
    "store-unavailable": (503, "The store of handles cannot be reached"),
    "deadline-exceeded": (504, "The deadline has passed"),
    "store-full": (507, "The store of handles is full"),
    "verdicts-full": (507, "The store of verdicts is full"),
}
"""Status and title of every type of problem, by the last part of its URN."""

STATUS_KINDS = {400: "malformed-body", 404: "not-found", 405: "method-not-allowed"}

MAX_ERRORS = 20
"""Errors that a document lists; it counts the others."""

MAX_BYTES = 4096
"""Of a document."""

DETAIL, MESSAGE, FIELD, INSTANCE = 1000, 400, 80, 200
"""Bytes of its texts, so that with one error it is always within :data:`MAX_BYTES`."""

UNAVAILABLE = "the store cannot be reached at present"


class FieldError(BaseModel):
    """One complaint about one field of the request."""

    field: str = Field(description="Path of the field.", examples=["sampler.steps"])
    message: str = Field(examples=["Input should be greater than or equal to 1"])


class ProblemDocument(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(examples=[f"{TYPE_PREFIX}validation"])
    title: str = Field(examples=["The request does not fit its schema"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["sampler.steps: Input should be greater than or equal to 1"])
    instance: str = Field(description="Path of the request.", examples=["/v1/generate"])
    request_id: str = Field(examples=["req_6f1c0a4be2f9"])
    errors: list[FieldError] = Field(default=[], max_length=MAX_ERRORS)
    errors_omitted: int = Field(default=0, description="How many errors are not listed, for size.")


class Problem(HTTPException):
    """Raised to answer with a problem document.

    Args:
        kind: Key of :data:`TITLES`.
        detail: This occurrence, in words.
        errors: Pairs of a field's dotted path and what is wrong with it.
        headers: Of the response.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = kind
        listed = errors[:MAX_ERRORS]
        self.errors = [(shown(field, FIELD), shown(text, MESSAGE)) for field, text in listed]
        self.omitted = len(errors) - len(listed)
        super().__init__(TITLES[kind][0], shown(detail, DETAIL), headers)

    @classmethod
    def field(cls, path: str, message: str, kind: str = "validation") -> Problem:
        """Return the problem of one field."""
        return cls(kind, f"{path}: {message}", [(path, message)])

    def within(self, place: str) -> Problem:
        """Return the same problem of a part of a request, whose fields are below this place."""
        errors = [(f"{place}.{field}", message) for field, message in self.errors]
        return Problem(self.kind, f"{place}.{self.detail}", errors, self.headers)

    @classmethod
    def invalid(
        cls,
        complaints: Iterable[Mapping[str, Any]],
        body: Any = None,
        within: Sequence[str] = (),
        nearest: Callable[[str], str | None] = lambda name: None,
    ) -> Problem:
        """Return the problem of fields that do not fit, as pydantic complains of them.

        Args:
            complaints: Of pydantic.
            body: What they are about; it tells fields from the alternatives that were tried.
            within: Where what pydantic has read stands in the request.
            nearest: Returns the field that a name which there is not may stand for.
        """
        told = []
        for number, each in enumerate(complaints):
            hint = nearest if number < MAX_ERRORS else lambda name: None
            told.append((_path([*within, *each["loc"]], body), _message(each, hint)))
        errors = [*dict.fromkeys(told)]
        first = "; ".join(f"{path}: {text}" for path, text in errors[:MAX_ERRORS])
        return cls("validation", first, errors)

    def as_json(self, path: str, request_id: str) -> dict[str, Any]:
        """Return the JSON object, of at most :data:`MAX_BYTES`."""
        listed = [{"field": field, "message": message} for field, message in self.errors]
        document = {
            "type": TYPE_PREFIX + self.kind,
            "title": TITLES[self.kind][1],
            "status": self.status_code,
            "detail": self.detail,
            "instance": printable(path, INSTANCE),
            "request_id": request_id,
            "errors": listed,
        }
        if self.omitted:
            document["errors_omitted"] = self.omitted
        while (
            len(listed) > 1 and len(json.dumps(document, ensure_ascii=False).encode()) > MAX_BYTES
        ):
            listed.pop()
            document["errors_omitted"] = self.omitted + len(self.errors) - len(listed)
        return document

    @property
    def failure(self) -> Failure:
        """What other protocols tell of it."""
        field = self.errors[0][0] if self.errors else None
        return Failure(self.kind, self.status_code, self.detail, field)

    def response(self, request: Request) -> Response:
        """Return the HTTP response."""
        headers = {"X-Request-Id": request.state.request_id, **(self.headers or {})}
        if (dialect := dialect_of(request)) is not None:
            failure = self.failure
            return JSONResponse(dialect.error(failure), dialect.status(failure), headers)
        asked = request.scope.get("asked_path", request.url.path)
        document = self.as_json(asked, request.state.request_id)
        return JSONResponse(document, self.status_code, headers, MEDIA_TYPE)


def to_problem(error: EngineError | StoreError | InvalidFieldError) -> Problem:
    """Return the problem that an error of a family, the engine or the store means to a client."""
    if isinstance(error, InvalidFieldError):
        return Problem.field(error.field, error.message)
    if isinstance(error, ImpossibleError):
        field, _, message = str(error).partition(": ")
        return Problem.field(field, message)
    detail = public_reason(error) if isinstance(error, StoreError) else str(error)
    headers = None
    if (seconds := error.retry_after_s) is not None:  # as HTTP has it, and more exactly
        headers = {"Retry-After": str(ceil(seconds)), "Retry-After-Ms": str(ceil(seconds * 1000))}
    return Problem(error.kind, detail, headers=headers)


def public_reason(error: StoreError) -> str:
    """Return what a client may know; where the store is, and why it fails, goes to the log."""
    if error.kind not in ("internal", "store-unavailable"):
        return shown(str(error), DETAIL)
    log.warning("%s", error)
    return UNAVAILABLE if error.kind == "store-unavailable" else "an error of the store"


def problems(
    *statuses: int, document: type[BaseModel] = ProblemDocument
) -> dict[int | str, dict[str, Any]]:
    """Return the entries of a route's ``responses`` for these statuses of ours."""
    return {
        status: {"model": document, "description": HTTPStatus(status).phrase} for status in statuses
    }


ANYWHERE = (400, 403, 414, 431, 500)
"""Statuses of problems that any request may meet: before it has reached a route, or by a bug."""


def declare(document: dict[str, Any]) -> None:
    """Add what any operation may answer, and give all error responses their form."""
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _declare(operation["responses"], dialect_at(path))


def _declare(responses: dict[str, Any], dialect: Dialect | None) -> None:
    """Complete the errors of an operation, which the route has declared as our own."""
    others = {} if dialect is None else dialect.statuses
    declared = {status for status in responses if status >= "400"} | {*map(str, ANYWHERE)}
    content = _content(None if dialect is None else dialect.document)
    for status in sorted(declared):
        responses.pop(status, None)
        said = others.get(int(status), int(status))
        responses[str(said)] = {"description": HTTPStatus(said).phrase, "content": content}


def _content(form: type[BaseModel] | None) -> dict[str, Any]:
    """The content of an error: a problem document, unless it is of another form."""
    media_type = MEDIA_TYPE if form is None else "application/json"
    name = (form or ProblemDocument).__name__
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def install(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(EngineError, _raised)
    app.add_exception_handler(StoreError, _raised)
    app.add_exception_handler(InvalidFieldError, _raised)
    app.add_exception_handler(Exception, _internal)


def answer(request: Request, problem: Problem) -> Response:
    """Return the HTTP response, and count it."""
    request.app.state.service.metrics.rejected.labels(problem.kind).inc()
    return problem.response(request)


def _http(request: Request, error: Exception) -> Response:
    if isinstance(error, Problem):
        return answer(request, error)
    assert isinstance(error, HTTPException)
    kind = STATUS_KINDS.get(error.status_code, "internal")
    detail = f"{request.method}: {HTTPStatus(error.status_code).phrase}"
    return answer(request, Problem(kind, detail, headers=error.headers))


def _raised(request: Request, error: Exception) -> Response:
    assert isinstance(error, EngineError | StoreError | InvalidFieldError)
    return answer(request, to_problem(error))


def _internal(request: Request, error: Exception) -> Response:
    """Starlette logs the exception; the client learns the id to look for."""
    return answer(request, Problem("internal", "an unexpected error; the log has the details"))


def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if request.method == "POST" and media_type != "application/json":
        got = media_type or "none"
        return answer(request, Problem("unsupported-media-type", f"Content-Type is {got}"))
    return answer(request, Problem.invalid(error.errors(), error.body))


def _path(whole: Sequence[str | int], body: Any) -> str:
    """``("body", "sampler", "steps")`` as ``sampler.steps``; the body itself as ``body``.

    Where a field has alternatives, their names are in the location too: either in no body, or in
    parentheses.
    """
    where, *location = whole
    if where != "body" or not isinstance(body, dict):
        return ".".join(map(str, location)) or str(where)
    path: list[str] = []
    place: Any = body
    for number, part in enumerate(location, 1):
        listed = isinstance(place, list) and isinstance(part, int)
        inside = part in place if isinstance(place, dict) else listed
        if inside or (number == len(location) and not str(part).startswith("(")):
            path.append(str(part))
            place = place[part] if inside else None
    return ".".join(path) or str(where)


def _message(complaint: Mapping[str, Any], nearest: Callable[[str], str | None]) -> str:
    if complaint["type"] == "extra_forbidden":
        meant = nearest(str(complaint["loc"][-1])[:FIELD])
        hint = f"; did you mean {meant}?" if meant else ""
        return f"this server knows no such field{hint}"
    return str(complaint["msg"])
