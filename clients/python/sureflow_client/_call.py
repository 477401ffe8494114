"""One request, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ._exceptions import UnexpectedResponse

JSON = "application/json"
EVENTS = "text/event-stream"

Answer = TypeVar("Answer")
Document = TypeVar("Document", bound=BaseModel)


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """What both clients send and read alike; they differ in the sending alone.

    Attributes:
        method: Of HTTP.
        path: Below the address of the server.
        read: Makes the answer of the body of a successful response.
        body: What is sent as JSON.
        query: What follows the path.
        accept: The form of answer that is asked for.
        headers: What else is said of it.
    """

    method: str
    path: str
    read: Callable[[bytes], Answer]
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str | int | Sequence[str | float]] | None = None
    accept: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def read(answer: type[Document], content: str | bytes) -> Document:
    """Return JSON text as ``answer``; raise `UnexpectedResponse` where it does not fit."""
    try:
        return answer.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in (answer.__name__, *first["loc"]))
        raise UnexpectedResponse(f"{where}: {first['msg']}") from error
