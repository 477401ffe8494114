"""Checks of the values in a note, the JSON part of a recipe, as they are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import Field
from functools import partial
from inspect import formatannotation
from typing import Any

import numpy as np

Tensors = dict[str, np.ndarray]
"""The arrays of a recipe by name. A check removes the array that it reads."""

Check = Callable[[Any, str, Tensors], Any]
"""``(value, name, tensors)`` -> the field's value in Python.

Raises:
    ValueError: The value is not valid.
"""


def expect(holds: bool, what: str) -> None:
    """Raise an error unless a condition holds.

    Raises:
        ValueError: The condition does not hold.
    """
    if not holds:
        raise ValueError(f"expected {what}")


def whole(value: Any, name: str, tensors: Tensors) -> int:
    """An integer in ``0 .. 2**63 - 1``."""
    expect(type(value) is int and 0 <= value < 2**63, f"a whole number as {name}")
    return int(value)


def number(value: Any, name: str, tensors: Tensors) -> Any:
    """A number, integer or float as it was written."""
    expect(type(value) in (int, float), f"a number as {name}")
    return value


def text(value: Any, name: str, tensors: Tensors) -> str:
    """A name."""
    expect(isinstance(value, str), f"a name as {name}")
    return str(value)


def names(value: Any, name: str, tensors: Tensors) -> tuple[str, ...]:
    """A list of names."""
    expect(isinstance(value, list), f"names as {name}")
    return tuple(text(entry, name, tensors) for entry in value)


def tensor(
    note: Any, name: str, tensors: Tensors, dtype: type[np.generic] | None = None
) -> np.ndarray:
    """The array that a note refers to by name, of this type if one is given."""
    expect(isinstance(note, dict) and set(note) == {"tensor"}, f"the name of a tensor as {name}")
    array = tensors.pop(note["tensor"])
    if dtype is not None:
        expect(array.dtype == dtype, f"{note['tensor']} as {np.dtype(dtype)}")
    return array


READ = "read"
"""Entry of a field's metadata: its check, where the annotation does not say how to read it."""


def check_of(field: Field[Any]) -> Check:
    """The check of a dataclass's field: that in its metadata, or that of its annotation."""
    if READ in field.metadata:
        own: Check = field.metadata[READ]
        return own
    annotation = field.type if isinstance(field.type, str) else formatannotation(field.type)
    kind, _, optional = annotation.partition(" | ")
    check = _CHECKS[kind]
    if not optional:
        return check
    return lambda value, name, tensors: None if value is None else check(value, name, tensors)


_CHECKS: dict[str, Check] = {
    "int": whole,
    "float": number,
    "str": text,
    "tuple[str, ...]": names,
    "Array": partial(tensor, dtype=np.float32),
    "Mask": partial(tensor, dtype=np.bool_),
}
