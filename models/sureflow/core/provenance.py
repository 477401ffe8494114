"""How something was learned, as it is written beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

SETTINGS = "settings"
"""Name of such a note in the metadata of a file."""

_NOTE = TypeAdapter(dict[str, Any])


class Provenance(BaseModel):
    """What others rely on of such a note; it may say more.

    Attributes:
        draws: How many, in every stratum.
        seed: Of the draws.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    draws: Annotated[int, Field(ge=1)] = 1
    seed: int = 0

    @classmethod
    def read(cls, text: str) -> dict[str, Any]:
        """Read a note.

        Raises:
            ValueError: It is no JSON object, or a field is wrong.
        """
        try:
            cls.model_validate_json(text)
        except ValidationError as error:
            raise ValueError(complaint(error)) from error
        return noted({SETTINGS: text})


def noted(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """Return what stands beside the tensors of a file; nothing if there is no note.

    Raises:
        ValueError: It is no JSON object.
    """
    try:
        return _NOTE.validate_json((metadata or {}).get(SETTINGS, "{}"))
    except ValidationError as error:
        raise ValueError(f"{SETTINGS}: {complaint(error)}") from error


def complaint(error: ValidationError) -> str:
    """Return the field and what is wrong with it, of the first that is."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "file"
    return f"{field}: {first['msg']}"
