"""Checks where the weights of an exported program are in its archive."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import torch

from sureflow.networks.foreign import values as v
from sureflow.networks.foreign.arguments import tensor_meta

FILE = {"weights": re.compile(r"weight_[0-9]{1,6}"), "constants": re.compile(r"tensor_[0-9]{1,6}")}
"""Names of files of numbers, by folder."""


def checked_payload(
    folder: str, value: object, sizes: Mapping[str, int], device: torch.device
) -> dict[str, Any]:
    """The table of the tensors in a folder of the archive, written anew.

    Args:
        folder: ``weights`` or ``constants``.
        value: The table.
        sizes: Bytes of every file in the folder.
        device: Where the tensors are to be.

    Raises:
        ValueError: A tensor is pickled, is no tensor, or is not as large as its file.
    """
    config = v.entries(v.table(value, "config")["config"])
    return {"config": {v.path(n): _tensor(folder, n, e, sizes, device) for n, e in config.items()}}


def _tensor(
    folder: str, name: str, value: object, sizes: Mapping[str, int], device: torch.device
) -> dict[str, Any]:
    whole = v.table(value, "path_name", "is_param", "use_pickle", "tensor_meta")
    file = str(whole["path_name"])
    if whole["use_pickle"] is not False or not FILE[folder].fullmatch(file) or file not in sizes:
        raise ValueError(
            f"program: {name} is pickled or no plain tensor, and may hold code; save the program "
            "with ordinary tensors alone"
        )
    meta = tensor_meta(whole["tensor_meta"], device)
    shape, strides = ([_plain(each) for each in meta[key]] for key in ("sizes", "strides"))
    offset = _plain(meta["storage_offset"])
    entries, rest = divmod(sizes[file], v.TYPES[meta["dtype"]].itemsize)
    whole_size = math.prod(shape)
    if len(shape) != len(strides):
        raise v.wrong(f"{len(shape)} strides", strides)
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if rest or whole_size > entries or (whole_size and last >= entries):
        raise ValueError(f"program: {name} of shape {shape} is no part of {file}; save it again")
    return {
        "path_name": file,
        "is_param": v.flag(whole["is_param"]),
        "use_pickle": False,
        "tensor_meta": meta,
    }


def _plain(value: dict[str, Any]) -> int:
    found = value.get("as_int", -1)
    if found < 0:
        raise v.wrong("a size above 0", value)
    return int(found)
