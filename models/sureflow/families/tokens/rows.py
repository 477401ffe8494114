"""Rows of the network: sequences, and the conditions of their lanes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sureflow.core.arrays import Flags
from sureflow.core.process import Query
from sureflow.core.transfer import to_device
from sureflow.families.tokens.lanes import TokenLanes

LOGITS = "logits"
"""Name of the head."""


def query_of(
    lanes: TokenLanes, owners: list[int], tokens: npt.NDArray[np.int64], null: Flags
) -> Query:
    """The query for sequences ``[n, length]`` of these lanes, without condition where ``null``."""
    inputs = {"tokens": to_device(np.ascontiguousarray(tokens), lanes.device)}
    for name, condition in lanes.network.conditions.items():
        values = np.full((len(owners), *condition.shape), condition.null, np.float32)
        for row, slot in enumerate(owners):
            given = lanes.specs[slot].condition
            if name in given and not null[row]:
                values[row] = given[name]
        inputs[name] = to_device(values, lanes.device)
    return Query(LOGITS, inputs)
