"""Recipes: a lane as bytes, from which its sample can be made again bit for bit. Free of torch.

A recipe is a safetensors file. Its tensors are the arrays of the lane; all other fields are in a
JSON note in its metadata. A recipe leaves out the fields that do not change the sample (``keep``,
``watch``, ``halt``), and the frames, which only save evaluations. What is read must have the types
of the fields' annotations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
from safetensors.numpy import load, save

from sureflow.core.family import Family, families, family_of
from sureflow.core.field_types import OPTIONAL, READ, Tensors, check_types
from sureflow.core.lane import Branch, Inverted, LaneSpec, Origin

_Made = TypeVar("_Made")

NOTE = "recipe"
"""Name of the note in the metadata."""

MAX_DEPTH = 64
"""Most branches between a lane and its first ancestor."""

FIRST_FAMILY = "flow"
"""Family of a note that names none, as the first versions of the software wrote them."""

COMMON = {field.name for field in fields(LaneSpec)}
"""Fields of every lane. A note has four of them, before and after those of its family."""


def dump(spec: LaneSpec) -> bytes:
    """Return a lane as bytes.

    Raises:
        ValueError: A number in it is not finite, or its lineage is too long.
    """
    tensors: Tensors = {}
    note = json.dumps(_lane(spec, "", tensors, MAX_DEPTH), allow_nan=False)
    return save(tensors, {NOTE: note})


def parse(data: bytes) -> LaneSpec:
    """Read a recipe. It does not check that a model can run the lane.

    Raises:
        ValueError: The bytes are not a recipe.
    """
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        note = json.loads(header["__metadata__"][NOTE], parse_constant=_refused)
        tensors = load(data)
        spec = _lane_of(note, tensors, MAX_DEPTH)
    except Exception as error:
        raise ValueError(f"not a recipe: {error}") from error
    if tensors:
        raise ValueError(f"not a recipe: it has more tensors: {sorted(tensors)}")
    return spec


def _lane(spec: LaneSpec, path: str, tensors: Tensors, depth: int) -> dict[str, Any]:
    family = family_of(spec)
    note: dict[str, Any] = {} if spec.family == FIRST_FAMILY else {"family": spec.family}
    optional = _optional(family)
    for name in _names(family):
        value = getattr(spec, name)
        if name not in optional or not (value is None or value == {}):
            note[name] = _json_of(value, path + name, tensors)
    if spec.condition:
        note["condition"] = {
            name: _json_of(value, f"{path}condition.{name}", tensors)
            for name, value in spec.condition.items()
        }
    if spec.origin is not None:
        note["origin"] = _origin(family, spec.origin, path, tensors, depth)
    return note


def _origin(
    family: Family, origin: Origin, path: str, tensors: Tensors, depth: int
) -> dict[str, Any]:
    if isinstance(origin, Inverted):
        return {"kind": "inverted", "data": _json_of(origin.data, f"{path}data", tensors)}
    if not depth:
        raise ValueError(f"more than {MAX_DEPTH} branches")
    return {
        "kind": "branch",
        "step": origin.step,
        "operations": [
            _operation(family, operation, f"{path}{number}.", tensors)
            for number, operation in enumerate(origin.operations)
        ],
        "parent": _lane(origin.parent, f"{path}parent.", tensors, depth - 1),
    }


def _operation(family: Family, operation: Any, path: str, tensors: Tensors) -> dict[str, Any]:
    kind = next(name for name, kind in family.operations.items() if isinstance(operation, kind))
    values = {field.name: getattr(operation, field.name) for field in fields(operation)}
    return {"kind": kind} | {k: _json_of(v, path + k, tensors) for k, v in values.items()}


def _json_of(value: Any, name: str, tensors: Tensors) -> Any:
    """A value as JSON: an array becomes the name of a tensor, a small object its fields."""
    if isinstance(value, Mapping):
        return {key: _json_of(each, f"{name}.{key}", tensors) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        tensors[name] = np.ascontiguousarray(value).reshape(value.shape)
        return {"tensor": name}
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return value


def _lane_of(note: Any, tensors: Tensors, depth: int) -> LaneSpec:
    family = families()[note.get("family", FIRST_FAMILY)]
    optional = _optional(family)
    names = [name for name in _names(family) if name in note or name not in optional]
    _expect(set(note) - {"origin", "condition", "family"} == set(names), "fields of a lane")
    values = _values(family.spec, names, note, tensors)
    values["condition"] = {k: _tensor(v, tensors) for k, v in note.get("condition", {}).items()}
    if "origin" in note:
        values["origin"] = _origin_of(family, note["origin"], tensors, depth)
    return _typed(family.spec(**values))


def _origin_of(family: Family, note: Any, tensors: Tensors, depth: int) -> Origin:
    if note["kind"] == "inverted":
        _expect(set(note) == {"kind", "data"}, "fields of what is inverted")
        return _typed(Inverted(_tensor(note["data"], tensors)))
    _expect(note["kind"] == "branch" and depth > 0, "a branch, and not too many")
    _expect(set(note) == {"kind", "step", "operations", "parent"}, "fields of a branch")
    operations = [_operation_of(family, operation, tensors) for operation in note["operations"]]
    parent = _lane_of(note["parent"], tensors, depth - 1)
    return _typed(Branch(parent, note["step"], tuple(operations)))


def _operation_of(family: Family, note: Any, tensors: Tensors) -> object:
    kind = family.operations[note["kind"]]
    names = [field.name for field in fields(kind)]
    _expect(set(note) - {"kind"} == set(names), "fields of an operation")
    return _typed(kind(**_values(kind, names, note, tensors)))


def _names(family: Family) -> list[str]:
    """Names of the fields of a lane that a note has, in order."""
    own = [field.name for field in fields(family.spec) if field.name not in COMMON]
    return ["seed", "index", *own, "scores", "early"]


def _optional(family: Family) -> set[str]:
    """Names of the fields of a lane that a note may leave out."""
    return {field.name for field in fields(family.spec) if field.metadata.get(OPTIONAL)}


def _values(kind: type[Any], names: list[str], note: Any, tensors: Tensors) -> dict[str, Any]:
    read = {field.name: field.metadata.get(READ, _value) for field in fields(kind)}
    return {name: read[name](note[name], tensors) for name in names}


def _value(note: Any, tensors: Tensors) -> Any:
    """A value as it was before :func:`_json_of`."""
    if isinstance(note, dict):
        return _tensor(note, tensors)
    return tuple(note) if isinstance(note, list) else note


def _tensor(note: Any, tensors: Tensors) -> np.ndarray:
    _expect(set(note) == {"tensor"}, "the name of a tensor")
    return tensors.pop(note["tensor"])


def _typed(made: _Made) -> _Made:
    check_types(made)
    return made


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"expected {what}")


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is no number")
