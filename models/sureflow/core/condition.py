"""Conditions: the class and the named arrays that samples are conditioned on.

A request writes them in JSON; a lane has a class number and arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, PlainValidator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from sureflow.core.card import Condition, ModelCard
from sureflow.core.json_array import JsonArray, is_file, listed, read_array, read_mask
from sureflow.core.schema import MOST, NAME_LENGTH, InvalidFieldError, Schema
from sureflow.core.vocabulary import Prompt

LABEL = "label"

MAX_ARRAYS = 64
"""Named arrays of a condition, at most."""

TEXT_LENGTH = 10_000
"""Most characters of a text, of which encoders read far fewer."""


def _label(value: object) -> int | str:
    if isinstance(value, str) and len(value) <= NAME_LENGTH:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST:
        return value
    raise PydanticCustomError("label", "Input should be the number or the name of a class")


LabelName = Annotated[str, Field(max_length=NAME_LENGTH)]
LabelNumber = Annotated[int, Field(ge=-MOST, le=MOST)]
Label = Annotated[int | str, PlainValidator(_label, json_schema_input_type=LabelNumber | LabelName)]


class ConditionOptions(Schema):
    """What the samples are conditioned on: named arrays, which `GET /v1/models` lists.

    An array of kind `text` may be a text if the model has an encoder (`prompt`); an empty text
    counts as left out.
    """

    model_config = ConfigDict(extra="allow", title="Condition")
    __pydantic_extra__: dict[str, JsonArray]

    label: Label = None  # type: ignore[assignment]  # None means that it was left out
    """Number or name of a class; `GET /v1/models` lists them."""

    @model_validator(mode="before")
    @classmethod
    def _within_bounds(cls, given: Any) -> Any:
        if isinstance(given, dict) and len(given) > MAX_ARRAYS:
            raise PydanticCustomError("too_long", f"at most {MAX_ARRAYS} names")
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

    A text becomes its tokens if the model has an encoder, and an empty one is left out.

    Raises:
        InvalidFieldError: The model takes no such array, or the array is not valid.
    """
    found = {name: _array(written[name], name, card, f"{field}.{name}") for name in sorted(written)}
    return {name: array for name, array in found.items() if array is not None}


def _array(written: Any, name: str, card: ModelCard, field: str) -> npt.NDArray[np.generic] | None:
    if name not in card.conditions:
        names = [*((LABEL,) if card.classes else ()), *card.conditions]
        message = f"{card.name} takes {', '.join(names) or 'no condition'}; leave it out"
        raise InvalidFieldError(field, message)
    condition, written = card.conditions[name], listed(written, field)
    if isinstance(written, str) and condition.kind == "text" and not is_file(written):
        return _tokens(written, condition.prompt, field)
    if condition.prompt is not None and _numbered(written, condition):
        return _checked(written, condition.prompt, field)
    if condition.kind == "mask":
        return read_mask(written, condition.shape, field)
    array = read_array(written, condition.shape, field)
    if condition.kind != "tokens":
        return array
    if (array != array.round()).any() or (array < 0).any():
        raise InvalidFieldError(field, "should be whole numbers from 0 on")
    return array.astype(np.int64)


def _tokens(text: str, prompt: Prompt | None, field: str) -> npt.NDArray[np.int64] | None:
    """The tokens of a text; ``None`` for an empty one."""
    if prompt is None or prompt.vocabulary is None:
        lacks = "no encoder" if prompt is None else "an encoder whose vocabulary is not known here"
        other = "the embedding" if prompt is None else "the embedding or the tokens"
        raise InvalidFieldError(field, f"is text, and the model has {lacks}: give {other}")
    if len(text) > TEXT_LENGTH:
        raise InvalidFieldError(field, f"has {len(text)} characters; at most {TEXT_LENGTH}")
    if not text.strip():
        return None
    try:
        return prompt.vocabulary.tokens(text, prompt.tokens)
    except ValueError as error:
        raise InvalidFieldError(field, str(error)) from error


def _numbered(written: Any, condition: Condition) -> bool:
    """Whether this is a list of tokens, and could not be the array itself."""
    if not isinstance(written, np.ndarray) or written.ndim != 1:
        return False
    return written.dtype.kind in "iu" and condition.shape != written.shape


def _checked(written: npt.NDArray[Any], prompt: Prompt, field: str) -> npt.NDArray[np.int64]:
    """Tokens, filled up."""
    short = 0 < len(written) <= prompt.tokens
    if not short or written.min() < 0 or (written >= prompt.limits[: len(written)]).any():
        allowed = f"at most {prompt.tokens} tokens in 0 .. {prompt.size - 1}"
        raise InvalidFieldError(field, f"should be an array, or {allowed}")
    return prompt.filled(written.tolist())


def example_of(card: ModelCard) -> dict[str, Any]:
    """A condition of a model's samples, as a request has it; empty if no example is known."""
    if card.classes:
        return {LABEL: 0}
    prompts = {name: each.prompt for name, each in card.conditions.items()}
    return {
        name: prompt.examples[0] for name, prompt in prompts.items() if prompt and prompt.examples
    }


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
            **({} if each.prompt is None else {"prompt": _described(each.prompt)}),
            **({"examples": [*each.examples]} if each.examples else {}),
        }
        for name, each in card.conditions.items()
    }
    return (label if card.classes else {}) | arrays


def _described(prompt: Prompt) -> dict[str, Any]:
    known = prompt.vocabulary
    words = known is not None and known.level == "word"
    return {
        "tokens": prompt.tokens,
        "level": None if known is None else known.level,
        "examples": list(prompt.examples),
        "words": list(known.words) if known is not None and words else None,
        "unknown": known is None or not words or known.unknown,
    }
