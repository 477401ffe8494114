"""What a lane is, as bytes: enough to make its sample again, bit for bit.

A safetensors file: the arrays are its tensors, all else is a JSON note. What is only seen of a
lane (``keep``, ``watch``, ``halt``) is no part of what it is, nor are the frames that save
evaluations. The family says how its own fields and operations are read. Free of torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from sureflow.core.family import Family, families, family_of
from sureflow.core.lane import LaneSpec, Origin
from sureflow.core.note import Check, Tensors, expect, names, number, optional, tensor, whole
from sureflow.core.origin import Branch, Inverted

NOTE = "recipe"
"""Entry of the metadata that holds the note."""

MAX_DEPTH = 64
"""Most branches between a lane and its origin."""

FIRST_FAMILY = "flow"
"""Of a note that names none: there was but one family when the first notes were written."""

BEFORE: dict[str, Check] = {"seed": whole, "index": whole}
AFTER: dict[str, Check] = {"scores": names, "early": optional(number)}
"""Fields of every lane, before and after those of its family."""


def dump(spec: LaneSpec) -> bytes:
    """Return a lane as bytes.

    Raises:
        ValueError: A number in it is not finite, or its lineage is too long.
    """
    tensors: Tensors = {}
    note = json.dumps(_lane(spec, "", tensors, MAX_DEPTH), allow_nan=False)
    return save(tensors, {NOTE: note})


def parse(data: bytes) -> LaneSpec:
    """Read it back. Whether it suits a model is for the model to say.

    Raises:
        ValueError: These are not the bytes of a lane.
    """
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        note = json.loads(header["__metadata__"][NOTE], parse_constant=_refused)
        tensors = load(data)
        spec = _lane_of(note, tensors, MAX_DEPTH)
    except Exception as error:
        raise ValueError(f"not a recipe: {error}") from error
    if tensors:
        raise ValueError(f"not a recipe: nobody wants {sorted(tensors)}")
    return spec


def _lane(spec: LaneSpec, path: str, tensors: Tensors, depth: int) -> dict[str, Any]:
    family = family_of(spec)
    note: dict[str, Any] = {} if spec.family == FIRST_FAMILY else {"family": spec.family}
    for name in (*BEFORE, *family.fields, *AFTER):
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
    """What stands for a value in the note: arrays are tensors, small objects their fields."""
    if isinstance(value, np.ndarray):
        tensors[name] = np.ascontiguousarray(value).reshape(value.shape)
        return {"tensor": name}
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return value


def _lane_of(note: Any, tensors: Tensors, depth: int) -> LaneSpec:
    family = families()[note.get("family", FIRST_FAMILY)]
    checks = BEFORE | dict(family.fields) | AFTER
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
    checks = family.operation_fields[note["kind"]]
    expect(set(note) - {"kind"} == set(checks), "fields of an operation")
    return kind(**_checked(note, checks, tensors))


def _checked(note: Any, checks: Mapping[str, Check], tensors: Tensors) -> dict[str, Any]:
    return {name: check(note[name], name, tensors) for name, check in checks.items()}


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is no number")
