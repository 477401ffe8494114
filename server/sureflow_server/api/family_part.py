"""Parts of requests that the family of the model validates, not the API.

In the OpenAPI document each is any of what the installed families take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import cache, lru_cache, partial
from typing import Annotated, Any, Union, cast

from pydantic import Field, PlainValidator, TypeAdapter, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError

from sureflow.core.family import Family, families
from sureflow.core.schema import Schema
from sureflow.recipe import FIRST_FAMILY
from sureflow_server.api.nearest_field import nearest
from sureflow_server.api.problems import Problem


def _first(model: str | None) -> Family:
    return families()[FIRST_FAMILY]


FAMILY_OF: ContextVar[Callable[[str | None], Family]] = ContextVar("family_of", default=_first)
"""Tells the family of a model by its name while a body is validated; set for every request."""


def named_part(attribute: str) -> PlainValidator:
    """Validate a part by the family of the model that the body names before it."""

    def validate(value: Any, info: ValidationInfo) -> Any:
        family = FAMILY_OF.get()(info.data.get("model"))
        return getattr(family, attribute).model_validate(value)

    kinds = [getattr(family, attribute) for family in families().values()]
    return PlainValidator(validate, json_schema_input_type=_any(kinds))


def deferred_part(type_of: Callable[[Family], Any]) -> PlainValidator:
    """Leave a part as it was sent, to be read once the model is known; see :func:`read_part`."""
    kinds = [kind for family in families().values() if (kind := type_of(family)) is not None]
    return PlainValidator(_object, json_schema_input_type=_any(kinds))


def read_part(kind: Any, value: Any, field: str) -> Any:
    """Validate a part that was deferred.

    Raises:
        Problem: It does not fit; names the field.
    """
    reader = _reader(kind)
    try:
        return reader.validate_python(value)
    except ValidationError as error:
        known = partial(nearest, reader=reader)
        raise Problem.invalid(error.errors(), {field: value}, ("body", field), known) from None


@lru_cache(64)
def _reader(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@cache
def operation_of(family: Family) -> Any:
    """The type of an operation of a family; ``None`` if it has none."""
    bodies = tuple(family.operation_bodies.values())
    if len(bodies) < 2:
        return bodies[0] if bodies else None
    return Annotated[Union[bodies], Field(discriminator="type")]  # noqa: UP007


def _object(value: object) -> object:
    if isinstance(value, dict | Schema):
        return value
    raise PydanticCustomError("object", "Input should be a valid object")


def _any(kinds: Sequence[Any]) -> Any:
    distinct = tuple(dict.fromkeys(kinds))
    return cast(Any, Union[distinct])  # noqa: UP007
