"""Numbers of whatever package, as JSON has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import isfinite
from numbers import Integral, Real
from typing import Any

from ._exceptions import InvalidArgument


def plain(value: Any, name: str) -> Any:
    """Return a value as JSON has it; of a mapping, the members that say something.

    Numbers and arrays of numpy, torch and others become Python's.

    Args:
        value: What was given.
        name: Of the argument, for the error.

    Raises:
        InvalidArgument: JSON has no such value.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, name)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real | Decimal):
        return _finite(float(value), name)
    return _compound(value, name)


def several(value: Any, name: str) -> list[Any]:
    """Return values as a list, also a single one; see `plain`."""
    found = plain(value, name)
    return found if isinstance(found, list) else [found]


def _compound(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        members = {str(key): plain(one, f"{name}.{key}") for key, one in value.items()}
        return {key: one for key, one in members.items() if one is not None}
    if hasattr(value, "tolist"):  # numpy's and torch's, a single number included
        return plain(_listed(value, name), name)
    if type(value) is list and {*map(type, value)} <= {int, bool}:  # a mask, which may be long
        return value
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray):
        return [plain(one, f"{name}.{place}") for place, one in enumerate(value)]
    raise InvalidArgument(f"{name}: a {type(value).__name__} is neither a number nor a name")


def _listed(value: Any, name: str) -> Any:
    listed = value.tolist()
    if isinstance(listed, complex) or type(listed) is type(value):
        raise InvalidArgument(f"{name}: {listed!r} is no real number")
    return listed


def _finite(number: float, name: str) -> float:
    if not isfinite(number):
        raise InvalidArgument(f"{name}: {number} is no number that a request can have")
    return number


def _text(text: str, name: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{name}: the text has half of a character, {error.reason}") from None
    return str(text)
