"""Conditions that a foreign network declares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args

from sureflow.core.card import Condition, ConditionKind

INPUTS = ("x", "t", "label", "direction")
"""Names of a network's other inputs, which no condition may have."""

MAX_SIZE = 1 << 22
"""Most components of a condition."""


def read_conditions(declared: Mapping[str, Mapping[str, Any]]) -> dict[str, Condition]:
    """Read conditions by name, each from the fields of a :class:`~sureflow.core.card.Condition`.

    Raises:
        ValueError: A condition is not valid; the message begins with ``conditions`` and its name.
    """
    return {name: _read(name, fields) for name, fields in declared.items()}


def _read(name: str, declared: Mapping[str, Any]) -> Condition:
    where = f"conditions.{name}"
    for field in ("prompt", "made_of"):
        if field in declared:
            raise ValueError(f"{where}.{field}: is said by the encoder of a staged network")
    if not name.isidentifier() or name in INPUTS:
        raise ValueError(f"{where}: is no name for a condition; {INPUTS} have another meaning")
    try:
        found = Condition(**{**declared, "shape": tuple(declared.get("shape", ()))})
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error
    kinds = [kind for kind in get_args(ConditionKind) if kind != "label"]
    if found.kind not in kinds:
        raise ValueError(f"{where}.kind: {found.kind!r} is unknown; choose from {kinds}")
    whole = all(type(size) is int and size >= 1 for size in found.shape)
    if not (found.shape and whole and math.prod(found.shape) <= MAX_SIZE):
        raise ValueError(f"{where}.shape: expected sizes above 0, at most {MAX_SIZE} in all")
    if not (isinstance(found.null, int | float) and math.isfinite(found.null)):
        raise ValueError(f"{where}.null: {found.null!r} is no finite number")
    if not isinstance(found.required, bool):
        raise ValueError(f"{where}.required: {found.required!r} is neither true nor false")
    return found
