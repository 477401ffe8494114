"""Checks by which the fields of a flow's lanes and operations are read from a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sureflow.core.note import (
    Check,
    Tensors,
    array,
    number,
    optional,
    tensor,
    text,
    whole,
)
from sureflow.families.flow.operations import Uncertain


def _region(note: Any, name: str, tensors: Tensors) -> Any:
    if note == "all":
        return note
    if isinstance(note, dict) and set(note) == {"share"}:
        return Uncertain(number(note["share"], name, tensors))
    return tensor(note, name, tensors, np.bool_)


FIELDS: Mapping[str, Check] = {
    "method": text,
    "steps": whole,
    "label": optional(whole),
    "guidance": number,
    "tolerance": optional(number),
    "min_steps": whole,
    "max_steps": whole,
    "grid": text,
    "parallel": whole,
    "parallel_tolerance": number,
}

OPERATION_FIELDS: Mapping[str, Mapping[str, Check]] = {
    "resample": {"strength": number, "region": _region},
    "inpaint": {"mask": array(np.bool_), "known": array(np.float32), "inner": whole},
    "guide": {
        "operator": text,
        "strength": number,
        "target": optional(array(np.float32)),
        "mask": optional(array(np.bool_)),
        "factor": whole,
        "sigma": number,
    },
}
