"""Explicit Runge-Kutta methods as data."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sureflow.lane import METHODS


@dataclass(frozen=True, slots=True)
class Tableau:
    """A Butcher tableau: ``k_i = v(x + h sum_j a_ij k_j, t + c_i h)``, ``x += h sum_j b_j k_j``.

    Attributes:
        order: Order of accuracy.
        a: Stage coefficients, row ``i`` has ``i`` entries.
        b: Weights; they also integrate the uncertainty along the path.
        c: Stage times as shares of the step.
    """

    order: int
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]

    @property
    def stages(self) -> int:
        """Network evaluations per step."""
        return len(self.b)


TABLEAUS: dict[str, Tableau] = {
    "euler": Tableau(1, ((),), (1.0,), (0.0,)),
    "heun": Tableau(2, ((), (1.0,)), (0.5, 0.5), (0.0, 1.0)),
    "midpoint": Tableau(2, ((), (0.5,)), (0.0, 1.0), (0.0, 0.5)),
    "rk4": Tableau(
        4, ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6), (0, 0.5, 0.5, 1)
    ),
}
assert tuple(TABLEAUS) == METHODS
STAGES = max(tableau.stages for tableau in TABLEAUS.values())


@dataclass(frozen=True)
class Coefficients:
    """All tableaus stacked and padded with zeros, to be indexed by method per lane.

    Attributes:
        a: ``[methods, STAGES, STAGES]``.
        b: ``[methods, STAGES]``.
        c: ``[methods, STAGES]``.
        stages: ``[methods]``, int64.
    """

    a: Tensor
    b: Tensor
    c: Tensor
    stages: Tensor


def coefficients(device: torch.device) -> Coefficients:
    """Stack :data:`TABLEAUS` in the order of :data:`~sureflow.lane.METHODS`."""
    count = len(TABLEAUS)
    a = torch.zeros(count, STAGES, STAGES, dtype=torch.float64)
    b, c = torch.zeros(2, count, STAGES, dtype=torch.float64)
    for index, tableau in enumerate(TABLEAUS.values()):
        for stage, row in enumerate(tableau.a):
            a[index, stage, : len(row)] = torch.tensor(row, dtype=torch.float64)
        b[index, : tableau.stages] = torch.tensor(tableau.b, dtype=torch.float64)
        c[index, : tableau.stages] = torch.tensor(tableau.c, dtype=torch.float64)
    stages = torch.tensor([tableau.stages for tableau in TABLEAUS.values()])
    return Coefficients(a.to(device), b.to(device), c.to(device), stages.to(device))
