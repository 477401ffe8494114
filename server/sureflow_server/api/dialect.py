"""Protocols of others that the server speaks, each below a path of its own.

What they share with our own is the road of a request; their errors have another form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from fastapi import Request
from pydantic import BaseModel, Field

OpenAIErrorType = Literal[
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "rate_limit_error",
    "server_error",
]

TYPES: Mapping[int, OpenAIErrorType] = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}
"""Those of statuses below 500 that say more than that the request was wrong."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, as every dialect can tell it.

    Attributes:
        kind: Its name, the last part of the URN of a problem.
        status: Of our own answer.
        detail: What is wrong, in words.
        field: Path of the field that is; ``None`` if it is none.
    """

    kind: str
    status: int
    detail: str
    field: str | None


@dataclass(frozen=True, slots=True)
class Dialect:
    """A protocol.

    Attributes:
        prefix: Paths at and below it are spoken to in this protocol.
        statuses: What stands for our own statuses, where that is another.
        document: Describes its errors in the OpenAPI document, if it is there.
    """

    prefix: str
    statuses: Mapping[int, int] = field(default_factory=dict)
    document: ClassVar[type[BaseModel] | None] = None

    def spoken_at(self, path: str) -> bool:
        """Whether a path is the prefix or lies below it."""
        return f"{path}/".startswith(f"{self.prefix}/")

    def status(self, failure: Failure) -> int:
        """The status of an error."""
        return self.statuses.get(failure.status, failure.status)

    def error(self, failure: Failure) -> dict[str, Any]:
        """The body of an error."""
        return {"error": failure.detail}


class OpenAIErrorBody(BaseModel):
    """What is wrong."""

    message: str = Field(examples=["size: icons makes no '9x9'; choose from auto, 4x4"])
    type: OpenAIErrorType
    param: str | None = Field(description="Path of the field.", examples=["size"])
    code: str = Field(description="Name of the problem.", examples=["validation"])


class OpenAIError(BaseModel):
    """An error, as clients of OpenAI read it."""

    error: OpenAIErrorBody


class _OpenAI(Dialect):
    document = OpenAIError

    def error(self, failure: Failure) -> dict[str, Any]:
        server = failure.status >= 500
        kind = "server_error" if server else TYPES.get(failure.status, "invalid_request_error")
        said = {"message": failure.detail, "type": kind, "param": failure.field}
        return {"error": {**said, "code": failure.kind}}


OPEN_INFERENCE = Dialect("/v2")
"""The Open Inference Protocol."""

OPENAI = _OpenAI("/v1/images", {422: 400})
"""The images of OpenAI, whose clients know what does not fit by the status 400."""

DIALECTS = (OPEN_INFERENCE, OPENAI)


def dialect_at(path: str) -> Dialect | None:
    """The dialect that is spoken at a path; ``None``: our own."""
    return next((each for each in DIALECTS if each.spoken_at(path)), None)


def dialect_of(request: Request) -> Dialect | None:
    """The dialect of a request, wherever a proxy has the server's paths begin."""
    root: str = request.scope.get("root_path", "")
    return dialect_at(request.url.path.removeprefix(root.rstrip("/")))
