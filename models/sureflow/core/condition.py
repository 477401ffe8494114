"""Conditions: the class and the named arrays that samples are conditioned on.

A request writes them in JSON; a lane has a class number and arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, PlainValidator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from sureflow.core.card import ModelCard
from sureflow.core.json_array import JsonArray, read_array, read_mask
from sureflow.core.schema import InvalidFieldError, Schema

LABEL = "label"


def _label(value: object) -> int | str:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise PydanticCustomError("label", "Input should be the number or the name of a class")


Label = Annotated[int | str, PlainValidator(_label, json_schema_input_type=int | str)]


class ConditionOptions(Schema):
    """What the samples are conditioned on: named arrays, which `GET /v1/models` lists."""

    model_config = ConfigDict(extra="allow", title="Condition")
    __pydantic_extra__: dict[str, JsonArray]

    label: Label = None  # type: ignore[assignment]  # None means that it was left out
    """Number or name of a class; `GET /v1/models` lists them."""

    @model_validator(mode="before")
    @classmethod
    def _not_empty(cls, given: Any) -> Any:
        if given == {}:
            missing = InitErrorDetails(type="missing", loc=(LABEL,), input=given)
            raise ValidationError.from_exception_data(cls.__name__, [missing])
        return given

    def given(self) -> dict[str, Any]:
        """Return the fields that the request has, by name."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def label_of(label: int | str, card: ModelCard, field: str) -> int:
    """Return the number of a class.

    Raises:
        InvalidFieldError: There is no such class.
    """
    if not card.classes:
        raise InvalidFieldError(field, f"{card.name} has no classes; leave it out")
    if isinstance(label, str) and label in card.classes:
        return card.classes.index(label)
    if isinstance(label, int) and 0 <= label < len(card.classes):
        return label
    names = ", ".join(card.classes)
    allowed = f"choose from 0 to {len(card.classes) - 1} or {names}"
    raise InvalidFieldError(field, f"no class {label!r}; {allowed}")


def arrays_of(
    written: Mapping[str, Any], card: ModelCard, field: str
) -> dict[str, npt.NDArray[np.generic]]:
    """Return the named arrays of a request, in its object ``field``, as lanes have them.

    Raises:
        InvalidFieldError: The model takes no such array, or the array is not valid.
    """
    return {name: _array(written[name], name, card, f"{field}.{name}") for name in sorted(written)}


def _array(written: Any, name: str, card: ModelCard, field: str) -> npt.NDArray[np.generic]:
    if name not in card.conditions:
        names = [*((LABEL,) if card.classes else ()), *card.conditions]
        message = f"{card.name} takes {', '.join(names) or 'no condition'}; leave it out"
        raise InvalidFieldError(field, message)
    condition = card.conditions[name]
    if condition.kind == "mask":
        return read_mask(written, condition.shape, field)
    array = read_array(written, condition.shape, field)
    if condition.kind != "tokens":
        return array
    if (array != array.round()).any() or (array < 0).any():
        raise InvalidFieldError(field, "should be whole numbers from 0 on")
    return array.astype(np.int64)


def described(card: ModelCard) -> dict[str, dict[str, Any]]:
    """Return the conditions of a model by name, as the JSON of its card lists them."""
    label = {LABEL: {"kind": "label", "shape": [], "names": list(card.classes)}}
    arrays = {
        name: {
            "kind": each.kind,
            "shape": list(each.shape),
            "null": None if each.required else each.null,
            "says": each.says,
            **({"required": True} if each.required else {}),
        }
        for name, each in card.conditions.items()
    }
    return (label if card.classes else {}) | arrays
