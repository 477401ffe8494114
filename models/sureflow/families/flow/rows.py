"""Queries of a flow's lanes for the heads ``velocity`` and ``jvp``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sureflow.core.arrays import Integers, Slots
from sureflow.core.process import Query
from sureflow.core.transfer import to_device
from sureflow.families.flow.lanes import FlowLanes

VELOCITY, JVP = "velocity", "jvp"
"""Names of the heads: the velocity with its variance, and its derivative along a direction."""


def velocity_query(
    lanes: FlowLanes,
    owner: Slots,
    x: Tensor,
    t: npt.NDArray[np.float32],
    doubled: Integers,
) -> Query:
    """Query for points, followed by the ``doubled`` ones among them without condition.

    Args:
        lanes: The lanes.
        owner: The lane of each point, ``[n]``.
        x: The points, ``[n, *shape]``.
        t: Times of the points, ``[n]``.
        doubled: Positions of points that are also evaluated without condition, ascending.
    """
    label = lanes.label[owner]
    given = {
        name: array[to_device(owner, x.device)] for name, array in lanes.condition_arrays.items()
    }
    if len(doubled):
        where = to_device(doubled, x.device)
        x = torch.cat([x, x[where]])
        t = np.concatenate([t, t[doubled]])
        label = np.concatenate([label, np.full_like(doubled, lanes.null_label)])
        for name, value in given.items():
            null = value.new_full((len(doubled), *value.shape[1:]), lanes.conditions[name].null)
            given[name] = torch.cat([value, null])
    times, labels = to_device(t, x.device), to_device(label, x.device)
    return Query(VELOCITY, {"x": x, "t": times, "label": labels, **given})


def jvp_query(query: Query, rows: Integers, direction: Tensor) -> Query:
    """Query for the derivatives of some rows of a query, along signs ``[m, *shape]``."""
    where = to_device(rows, direction.device)
    inputs = {name: value[where] for name, value in query.inputs.items()}
    return Query(JVP, {**inputs, "direction": direction})
