"""What a lane is, as bytes: enough to make its sample again, bit for bit.

A safetensors file: the arrays are its tensors, all else is a JSON note. What is only seen of a
lane (``keep``, ``watch``, ``halt``) is no part of what it is, nor are the frames that save
evaluations. Free of torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_args

import numpy as np
from safetensors.numpy import load, save

from sureflow.core.lane import LaneSpec
from sureflow.core.origin import Branch, Inverted, Origin
from sureflow.families.flow.operations import Guide, Inpaint, Operation, Resample, Uncertain

NOTE = "recipe"
"""Entry of the metadata that holds the note."""

MAX_DEPTH = 64
"""Most branches between a lane and its origin."""

SEEN = ("origin", "keep", "shift", "watch", "halt")
PLAIN = tuple(field.name for field in fields(LaneSpec) if field.name not in SEEN)
"""Fields of a lane that are numbers and names."""

OPERATIONS: dict[str, type[Any]] = {"resample": Resample, "inpaint": Inpaint, "guide": Guide}
Tensors = dict[str, np.ndarray]


def dump(spec: LaneSpec) -> bytes:
    """Return a lane as bytes.

    Raises:
        ValueError: A number in it is not finite, or its lineage is too long.
    """
    tensors: Tensors = {}
    note = json.dumps(_lane(spec, "", tensors, MAX_DEPTH), allow_nan=False)
    return save(tensors, {NOTE: note})


def parse(data: bytes) -> LaneSpec:
    """Read it back. Whether it suits a model is for :meth:`sureflow.model.Model.check` to say.

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
    note: dict[str, Any] = {name: getattr(spec, name) for name in PLAIN}
    if spec.origin is not None:
        note["origin"] = _origin(spec.origin, path, tensors, depth)
    return note


def _origin(origin: Origin, path: str, tensors: Tensors, depth: int) -> dict[str, Any]:
    if isinstance(origin, Inverted):
        return {"kind": "inverted", "data": _array(origin.data, f"{path}data", tensors)}
    if not depth:
        raise ValueError(f"more than {MAX_DEPTH} branches")
    return {
        "kind": "branch",
        "step": origin.step,
        "operations": [
            _operation(operation, f"{path}{number}.", tensors)
            for number, operation in enumerate(origin.operations)
        ],
        "parent": _lane(origin.parent, f"{path}parent.", tensors, depth - 1),
    }


def _operation(operation: Operation, path: str, tensors: Tensors) -> dict[str, Any]:
    kind = next(name for name, kind in OPERATIONS.items() if isinstance(operation, kind))
    note: dict[str, Any] = {"kind": kind}
    for field in fields(operation):
        value = getattr(operation, field.name)
        if isinstance(value, np.ndarray):
            value = _array(value, path + field.name, tensors)
        elif isinstance(value, Uncertain):
            value = {"share": value.share}
        note[field.name] = value
    return note


def _array(array: np.ndarray, name: str, tensors: Tensors) -> dict[str, str]:
    tensors[name] = np.ascontiguousarray(array).reshape(array.shape)
    return {"tensor": name}


def _lane_of(note: Any, tensors: Tensors, depth: int) -> LaneSpec:
    _expect(set(note) - {"origin"} == set(PLAIN), "fields of a lane")
    values = {name: _CHECKS[name](note[name], name) for name in PLAIN}
    origin = _origin_of(note["origin"], tensors, depth) if "origin" in note else None
    return LaneSpec(**values, origin=origin)


def _origin_of(note: Any, tensors: Tensors, depth: int) -> Origin:
    if note["kind"] == "inverted":
        _expect(set(note) == {"kind", "data"}, "fields of what is inverted")
        return Inverted(_tensor(note["data"], tensors, np.float32))
    _expect(note["kind"] == "branch" and depth > 0, "a branch, and not too many")
    _expect(set(note) == {"kind", "step", "operations", "parent"}, "fields of a branch")
    operations = [_operation_of(operation, tensors) for operation in note["operations"]]
    parent = _lane_of(note["parent"], tensors, depth - 1)
    return Branch(parent, _whole(note["step"], "step"), tuple(operations))


def _operation_of(note: Any, tensors: Tensors) -> Operation:
    kind = OPERATIONS[note["kind"]]
    names = {field.name for field in fields(kind)}
    _expect(set(note) - {"kind"} == names, "fields of an operation")
    _expect(kind is Guide or note.get("mask", ...) is not None, "a mask")
    values = {name: _OF_OPERATIONS[name](note[name], name, tensors) for name in names}
    operation: Operation = kind(**values)
    return operation


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"expected {what}")


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _whole(value: Any, name: str) -> int:
    _expect(type(value) is int and 0 <= value < 2**63, f"a whole number as {name}")
    return int(value)


def _number(value: Any, name: str) -> Any:
    _expect(type(value) in (int, float), f"a number as {name}")
    return value


def _text(value: Any, name: str) -> str:
    _expect(isinstance(value, str), f"a name as {name}")
    return str(value)


def _names(value: Any, name: str) -> tuple[str, ...]:
    _expect(isinstance(value, list), f"names as {name}")
    return tuple(_text(entry, name) for entry in value)


def _optional(check: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    return lambda value, name: None if value is None else check(value, name)


def _tensor(note: Any, tensors: Tensors, dtype: type[Any]) -> Any:
    """The array that a note speaks of; each is spoken of once."""
    _expect(isinstance(note, dict) and set(note) == {"tensor"}, "the name of a tensor")
    array = tensors.pop(note["tensor"])
    _expect(array.dtype == dtype, f"{note['tensor']} as {np.dtype(dtype)}")
    return array


def _array_of(note: Any, tensors: Tensors, dtype: type[Any]) -> Any:
    return None if note is None else _tensor(note, tensors, dtype)


def _region(note: Any, name: str, tensors: Tensors) -> Any:
    if note == "all":
        return note
    if isinstance(note, dict) and set(note) == {"share"}:
        return Uncertain(_number(note["share"], name))
    return _tensor(note, tensors, np.bool_)


_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "seed": _whole,
    "index": _whole,
    "method": _text,
    "steps": _whole,
    "label": _optional(_whole),
    "guidance": _number,
    "tolerance": _optional(_number),
    "min_steps": _whole,
    "max_steps": _whole,
    "grid": _text,
    "parallel": _whole,
    "parallel_tolerance": _number,
    "scores": _names,
    "early": _optional(_number),
}
assert tuple(_CHECKS) == PLAIN

_OF_OPERATIONS: dict[str, Callable[[Any, str, Tensors], Any]] = {
    "strength": lambda value, name, tensors: _number(value, name),
    "region": _region,
    "mask": lambda value, name, tensors: _array_of(value, tensors, np.bool_),
    "known": lambda value, name, tensors: _tensor(value, tensors, np.float32),
    "inner": lambda value, name, tensors: _whole(value, name),
    "operator": lambda value, name, tensors: _text(value, name),
    "target": lambda value, name, tensors: _array_of(value, tensors, np.float32),
    "factor": lambda value, name, tensors: _whole(value, name),
    "sigma": lambda value, name, tensors: _number(value, name),
}
assert set(_OF_OPERATIONS) == {f.name for kind in get_args(Operation) for f in fields(kind)}
