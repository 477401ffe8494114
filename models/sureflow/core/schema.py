"""Base classes of request schemas: families and the API describe their options with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

MOST = 2**31 - 1
"""Largest number of anything that a request may count."""

LARGEST = 1e30
"""Largest magnitude of a number that no other bound holds."""

NAME_LENGTH = 255
"""Most characters of a name, as file systems have it."""

Integer = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]


def _well_formed(text: str) -> str:
    if not text.isprintable():  # lone surrogates and control characters have no place in a name
        raise PydanticCustomError("name", "Input should have printable characters only")
    return text


Name = Annotated[str, Field(max_length=NAME_LENGTH), AfterValidator(_well_formed)]
"""A name that a client gives: short, and of characters that can be shown."""


class Schema(BaseModel):
    """Base of every part of requests and answers. Docstrings of fields become descriptions."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


@dataclass(frozen=True)
class OneOf:
    """Annotates a string that must be one of these names. Installed packages may add names."""

    names: Sequence[str]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Make it an enumeration."""
        return core_schema.literal_schema(list(self.names))


@dataclass(frozen=True)
class AtMost:
    """Annotates a list: it is counted before its elements are looked at.

    Pydantic's ``max_length`` counts the valid elements only, and has an error for each of the rest.
    """

    length: int

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Count, then validate."""
        schema = {**handler(source), "max_length": self.length}
        return core_schema.no_info_before_validator_function(
            self._counted, cast(CoreSchema, schema)
        )

    def _counted(self, given: object) -> object:
        if isinstance(given, list | tuple | dict) and len(given) > self.length:
            facts = {"max_length": self.length, "actual_length": len(given)}
            kind = "Dictionary" if isinstance(given, dict) else "List"
            raise PydanticKnownError("too_long", {"field_type": kind, **facts})
        return given


class InvalidFieldError(ValueError):
    """A field of a request, given by its dotted path, does not suit the model."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
