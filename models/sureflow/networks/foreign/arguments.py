"""Checks the arguments of the operators in an exported program, and the tensors between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from sureflow.networks.foreign import values as v


def device_table(device: torch.device) -> dict[str, Any]:
    """A device as programs name it."""
    return {"type": device.type, "index": device.index}


def tensor_name(value: object) -> dict[str, Any]:
    """The name of a tensor, in a table."""
    return {"name": v.name(v.table(value, "name")["name"])}


def complex_number(value: object) -> dict[str, Any]:
    """A complex number."""
    whole = v.table(value, "real", "imag")
    return {"real": v.number(whole["real"]), "imag": v.number(whole["imag"])}


def layout(value: object) -> int:
    """The code of the layout of ordinary tensors."""
    if value != v.STRIDED:
        raise v.wrong("dense tensors", value)
    return v.STRIDED


def memory_format(value: object) -> int:
    """The code of a memory format."""
    if not v.CONTIGUOUS <= v.integer(value) <= v.LAST_FORMAT:
        raise v.wrong("a memory format", value)
    return v.integer(value)


_optional = v.one_of({"as_tensor": tensor_name, "as_none": v.flag})
_sizes = v.one_of({"as_name": v.name, "as_int": v.integer})
_floats = v.one_of({"as_name": v.name, "as_float": v.number})
_flags = v.one_of({"as_name": v.name, "as_bool": v.flag})

KINDS: dict[str, Callable[[Any], Any]] = {
    "as_none": v.flag,
    "as_tensor": tensor_name,
    "as_tensors": v.several(tensor_name),
    "as_int": v.integer,
    "as_ints": v.several(v.integer),
    "as_float": v.number,
    "as_floats": v.several(v.number),
    "as_string": v.text,
    "as_strings": v.several(v.text),
    "as_bool": v.flag,
    "as_bools": v.several(v.flag),
    "as_complex": complex_number,
    "as_scalar_type": v.code,
    "as_memory_format": memory_format,
    "as_layout": layout,
    "as_sym_int": _sizes,
    "as_sym_ints": v.several(_sizes),
    "as_sym_float": _floats,
    "as_sym_floats": v.several(_floats),
    "as_sym_bool": _flags,
    "as_sym_bools": v.several(_flags),
    "as_optional_tensor": _optional,
    "as_optional_tensors": v.several(_optional),
    "as_nested_tensors": v.several(v.several(tensor_name)),
    "as_int_lists": v.several(v.several(v.integer)),
    "as_float_lists": v.several(v.several(v.number)),
}
"""Checks of arguments. Graphs, objects and functions as arguments are left out on purpose."""


def argument(value: object, device: torch.device) -> dict[str, Any]:
    """An argument; every device in it becomes this one.

    Raises:
        ValueError: It is none, or of a kind that can hold code.
    """
    pairs = [*v.entries(value).items()]
    kind = pairs[0][0] if len(pairs) == 1 else None
    if kind == "as_device":
        return {kind: device_table(device)}
    if kind not in KINDS:
        raise v.wrong("numbers and tensors as arguments", kind)
    return {kind: KINDS[kind](pairs[0][1])}


def names_in(checked: object) -> set[str]:
    """All names of tensors and sizes in an argument that was checked."""
    if isinstance(checked, dict):
        own = {str(checked[key]) for key in ("name", "as_name") if key in checked}
        return own.union(*(names_in(inner) for inner in checked.values()))
    if isinstance(checked, list):
        return set().union(*(names_in(inner) for inner in checked))
    return set()


def tensor_meta(value: object, device: torch.device) -> dict[str, Any]:
    """Shape and type of a tensor; it becomes one on this device, without a gradient."""
    whole = v.table(value, "dtype", "sizes", "strides", "storage_offset", "layout")
    return {
        "dtype": v.code(whole["dtype"]),
        "sizes": v.several(v.size)(whole["sizes"]),
        "requires_grad": False,
        "device": device_table(device),
        "strides": v.several(v.size)(whole["strides"]),
        "storage_offset": v.size(whole["storage_offset"]),
        "layout": layout(whole["layout"]),
    }
