"""Recipes: a lane as bytes, from which its sample can be made again bit for bit. Free of torch.

A recipe is a safetensors file. Its tensors are the arrays of the lane; all other fields are in a
JSON note in its metadata. A recipe leaves out the fields that do not change the sample (``keep``,
``watch``, ``halt``), and the frames, which only save evaluations. The fields of lanes and
operations are read by their annotations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from sureflow.core.family import Family, families, family_of
from sureflow.core.lane import LaneSpec, Origin
from sureflow.core.note import Check, Tensors, check_of, expect, tensor, whole
from sureflow.core.origin import Branch, Inverted

NOTE = "recipe"
"""Name of the note in the metadata."""

MAX_DEPTH = 64
"""Most branches between a lane and its first ancestor."""

FIRST_FAMILY = "flow"
"""Family of a note that names none, as the first versions of the software wrote them."""

BEFORE, AFTER = ("seed", "index"), ("scores", "early")
"""Fields of every lane in a note, before and after those of its family."""


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
    for name in _checks(family):
        note[name] = _json_of(getattr(spec, name), path + name, tensors)
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
    assert isinstance(origin, Branch)
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
    if isinstance(value, np.ndarray):
        tensors[name] = np.ascontiguousarray(value).reshape(value.shape)
        return {"tensor": name}
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return value


def _lane_of(note: Any, tensors: Tensors, depth: int) -> LaneSpec:
    family = families()[note.get("family", FIRST_FAMILY)]
    checks = _checks(family)
    expect(set(note) - {"origin", "condition", "family"} == set(checks), "fields of a lane")
    values = _checked(note, checks, tensors)
    given = note.get("condition", {})
    values["condition"] = {name: tensor(value, name, tensors) for name, value in given.items()}
    if "origin" in note:
        values["origin"] = _origin_of(family, note["origin"], tensors, depth)
    return family.spec(**values)


def _origin_of(family: Family, note: Any, tensors: Tensors, depth: int) -> Origin:
    if note["kind"] == "inverted":
        expect(set(note) == {"kind", "data"}, "fields of what is inverted")
        return Inverted(tensor(note["data"], "data", tensors, np.float32))
    expect(note["kind"] == "branch" and depth > 0, "a branch, and not too many")
    expect(set(note) == {"kind", "step", "operations", "parent"}, "fields of a branch")
    operations = [_operation_of(family, operation, tensors) for operation in note["operations"]]
    parent = _lane_of(note["parent"], tensors, depth - 1)
    return Branch(parent, whole(note["step"], "step", tensors), tuple(operations))


def _operation_of(family: Family, note: Any, tensors: Tensors) -> object:
    kind = family.operations[note["kind"]]
    checks = {field.name: check_of(field) for field in fields(kind)}
    expect(set(note) - {"kind"} == set(checks), "fields of an operation")
    return kind(**_checked(note, checks, tensors))


@cache
def _checks(family: Family) -> dict[str, Check]:
    """The checks of a lane's fields, in their order in a note."""
    common = {field.name for field in fields(LaneSpec)}
    by_name = {field.name: field for field in fields(family.spec)}
    own = [name for name in by_name if name not in common]
    return {name: check_of(by_name[name]) for name in (*BEFORE, *own, *AFTER)}


def _checked(note: Any, checks: Mapping[str, Check], tensors: Tensors) -> dict[str, Any]:
    return {name: check(note[name], name, tensors) for name, check in checks.items()}


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is no number")
