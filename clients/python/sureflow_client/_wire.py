"""The common ground of everything that is read from the server."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ._exceptions import UnexpectedResponse


class Wire(BaseModel):
    """Immutable; members that a newer server adds are kept as plain attributes."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())


Document = TypeVar("Document", bound=Wire)


def read(kind: type[Document], content: str | bytes) -> Document:
    """Return JSON text as ``kind``; raise `UnexpectedResponse` where it does not fit."""
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in (kind.__name__, *first["loc"]))
        raise UnexpectedResponse(f"{where}: {first['msg']}") from error
