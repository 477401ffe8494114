"""Checks of the fields of a dataclass: types by their annotations, ranges, choices and arrays.

They raise a ValueError, whose message begins with the name of the field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from math import isfinite
from typing import Any

import numpy as np

READ = "read"
"""Entry of a field's metadata: how a recipe reads it, ``(note, tensors) -> value``, if the note is
more than a number, a name, a list or the name of an array."""

OPTIONAL = "optional"
"""Entry of a field's metadata: a recipe leaves the field out where it is empty, or ``None``."""

Tensors = dict[str, np.ndarray]
"""The arrays of a recipe by name. Whoever reads one removes it."""


def _integer(value: Any) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and 0 <= value < 2**63


def _number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # an integer beyond all floating-point numbers
        return False


def _several(one: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, tuple | list) and all(map(one, value))


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kind)


def _array(dtype: type[np.generic]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, np.ndarray) and value.dtype == dtype


KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "None": (_is(type(None)), "None"),
    "int": (_integer, "an integer in 0 .. 2**63 - 1"),
    "float": (_number, "a finite number"),
    "str": (_is(str), "text"),
    "Literal['commit', 'all']": (_is(str), "text"),
    "tuple[int, ...]": (_several(_integer), "a tuple of integers from 0 on"),
    "tuple[float, ...]": (_several(_number), "a tuple of finite numbers"),
    "tuple[str, ...]": (_several(_is(str)), "a tuple of names"),
    "Array": (_array(np.float32), "a float32 array"),
    "Mask": (_array(np.bool_), "an array of booleans"),
}
"""For each annotation, a check of a value and the words for it in an error message."""


def check_count(name: str, count: Any, least: int) -> None:
    """Check that an argument is an integer of at least ``least``.

    Raises:
        ValueError: It is not; the message begins with the name of the argument.
    """
    if not (_integer(count) and count >= least):
        raise ValueError(f"{name}: {count!r:.60} is not an integer from {least} on")


def check_types(data: Any) -> None:
    """Check that the fields of a dataclass have their types; fields of unknown types are skipped.

    A boolean does not count as an integer, nor NaN or infinity as a number. NumPy scalars do.

    Raises:
        ValueError: A field has another type; the message begins with its name.
    """
    for field in fields(data):
        allowed = [KINDS.get(part) for part in str(field.type).split(" | ")]
        value = getattr(data, field.name)
        known = [kind for kind in allowed if kind is not None]
        if len(known) == len(allowed) and not any(fits(value) for fits, _ in known):
            said = " or ".join(word for _, word in known)
            raise ValueError(f"{field.name}: {value!r:.60} is not {said}")


def check_range(name: str, value: float, least: float, most: float) -> None:
    """Check that a number is within bounds, which are allowed values."""
    if not least <= value <= most:
        raise ValueError(f"{name}: {value} is not in {least:g} .. {most:g}")


def check_choice(name: str, value: str, known: Sequence[str]) -> None:
    """Check that a name is known."""
    if value not in known:
        raise ValueError(f"{name}: {value!r} is unknown; choose from {known}")


def check_array(name: str, array: object, shape: Sequence[int]) -> None:
    """Check that a value is a finite float32 array ``[*shape]``."""
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name}: is no array")
    if array.shape != tuple(shape):
        raise ValueError(f"{name}: has shape {list(array.shape)}, not {list(shape)}")
    if array.dtype != np.float32 or not np.isfinite(array).all():
        raise ValueError(f"{name}: holds what is no finite float32")


def check_mask(name: str, mask: np.ndarray, shape: Sequence[int]) -> None:
    """Check that an array is a mask ``[*shape]`` of at least one component."""
    if mask.shape != tuple(shape) or mask.dtype != np.bool_:
        raise ValueError(f"{name}: no mask of shape {list(shape)}")
    if not mask.any():
        raise ValueError(f"{name}: is true nowhere")
