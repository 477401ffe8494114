"""Provenance notes: JSON beside the tensors of a file that says how they were learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

SETTINGS = "settings"
"""Name of the note in the metadata of a file."""

_NOTE = TypeAdapter(dict[str, Any])


class Provenance(BaseModel):
    """The fields of a note that our code reads. The note may have more.

    Attributes:
        draws: Number of samples drawn in every stratum.
        seed: Seed of these draws.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    draws: Annotated[int, Field(ge=1)] = 1
    seed: int = 0

    @classmethod
    def read(cls, text: str) -> dict[str, Any]:
        """Read a note and check these fields.

        Raises:
            ValueError: The text is not a JSON object, or a field is not valid.
        """
        try:
            cls.model_validate_json(text)
        except ValidationError as error:
            raise ValueError(complaint(error)) from error
        return noted({SETTINGS: text})


def noted(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """Read the note in the metadata of a file; an empty one if the file has none.

    Raises:
        ValueError: The note is not a JSON object.
    """
    try:
        return _NOTE.validate_json((metadata or {}).get(SETTINGS, "{}"))
    except ValidationError as error:
        raise ValueError(f"{SETTINGS}: {complaint(error)}") from error


def complaint(error: ValidationError) -> str:
    """Describe the first error: the name of its field, and what is wrong with it."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "file"
    return f"{field}: {first['msg'].removeprefix('Value error, ')}"
