"""Explicit Runge-Kutta methods with embedded error estimates, and multistep methods, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sureflow.core.plugins import installed

GROUP = "sureflow.solvers"
"""Group of the entry points by which other packages bring solvers; each is a Tableau."""


@dataclass(frozen=True, slots=True)
class Tableau:
    """A Butcher tableau: ``k_i = v(x + h sum_j a_ij k_j, t + c_i h)``, ``x += h sum_j b_j k_j``.

    Attributes:
        order: Order of accuracy.
        a: Stage coefficients, row ``i`` has ``i`` entries.
        b: Weights; they also integrate the uncertainty along the path.
        c: Stage times as shares of the step.
        embedded: Weights of a second result from the same stages. The difference of the two
            results is the error estimate. Empty for methods without one.
        embedded_order: Order of accuracy of the second result.
        multistep: Whether steps after the first take one evaluation and what is remembered of the
            previous steps, see :mod:`~sureflow.families.flow.multistep`. The tableau is then that
            of the first step.
        exponential: Whether a multistep method extrapolates the expected data, along the logarithm
            of signal over noise, and not the velocity along the time.
        corrected: Whether an exponential method corrects the step before by each evaluation.
    """

    order: int
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    c: tuple[float, ...]
    embedded: tuple[float, ...] = ()
    embedded_order: int = 0
    multistep: bool = False
    exponential: bool = False
    corrected: bool = False

    @property
    def stages(self) -> int:
        """Network evaluations of a first step with an error estimate."""
        return len(self.b)

    @property
    def plain_stages(self) -> int:
        """Those without an error estimate: without a last stage that serves only that."""
        return self.stages - (self.b[-1] == 0)

    @property
    def fsal(self) -> bool:
        """Whether the last stage of a step is the first stage of the next (first same as last)."""
        return (
            not self.multistep and self.b[-1] == 0 and self.c[-1] == 1 and self.a[-1] == self.b[:-1]
        )


HEUN = Tableau(2, ((), (1.0,)), (0.5, 0.5), (0.0, 1.0), (1.0, 0.0), 1)
FIRST = Tableau(1, HEUN.a, HEUN.embedded, HEUN.c, HEUN.b, 2, multistep=True, exponential=True)
"""A first step by Euler's method, which is also exponential; with an error estimate by Heun's."""

TABLEAUS: dict[str, Tableau] = {
    "euler": Tableau(1, ((),), (1.0,), (0.0,)),
    "heun": HEUN,
    "midpoint": Tableau(2, ((), (0.5,)), (0.0, 1.0), (0.0, 0.5), (1.0, 0.0), 1),
    "ab2": Tableau(2, HEUN.a, HEUN.b, HEUN.c, HEUN.embedded, 1, multistep=True),
    "bosh3": Tableau(  # Bogacki and Shampine 1989
        3,
        ((), (1 / 2,), (0.0, 3 / 4), (2 / 9, 1 / 3, 4 / 9)),
        (2 / 9, 1 / 3, 4 / 9, 0.0),
        (0.0, 1 / 2, 3 / 4, 1.0),
        (7 / 24, 1 / 4, 1 / 3, 1 / 8),
        2,
    ),
    "rk4": Tableau(
        4, ((), (0.5,), (0.0, 0.5), (0.0, 0.0, 1.0)), (1 / 6, 1 / 3, 1 / 3, 1 / 6), (0, 0.5, 0.5, 1)
    ),
    "dopri5": Tableau(  # Dormand and Prince 1980
        5,
        (
            (),
            (1 / 5,),
            (3 / 40, 9 / 40),
            (44 / 45, -56 / 15, 32 / 9),
            (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
            (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
            (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
        ),
        (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0.0),
        (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0),
        (5179 / 57600, 0.0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40),
        4,
    ),
    "dpmpp_2m": FIRST,  # Lu et al. 2022
    "unipc": replace(FIRST, corrected=True),  # Zhao et al. 2023
}
TABLEAUS |= installed(GROUP, Tableau)
METHODS = tuple(TABLEAUS)
"""Names of the solvers, including those of installed packages."""

EVALUATIONS = {
    name: 1 if tableau.multistep else tableau.plain_stages for name, tableau in TABLEAUS.items()
}
"""Evaluations per step on a fixed grid."""

FURTHER = {name: tableau.plain_stages - EVALUATIONS[name] for name, tableau in TABLEAUS.items()}
"""Further evaluations of the first step on a fixed grid."""

ADAPTIVE_METHODS = tuple(name for name, tableau in TABLEAUS.items() if tableau.embedded)
"""Names of the solvers that estimate their error, and so can keep to a tolerance."""

STAGES = max(tableau.stages for tableau in TABLEAUS.values())


class Coefficients:
    """Tableaus, stacked and padded with zeros, so that they can be indexed by method.

    Attributes:
        a: ``[methods, STAGES, STAGES]``.
        b: ``[methods, STAGES]``.
        c: ``[methods, STAGES]``.
        error: ``b - embedded``, zero without one, ``[methods, STAGES]``.
        power: Power of ``h`` with which the error estimate falls, ``[methods]``.
        stages: Evaluations of a first step with an error estimate, ``[methods]``.
        plain_stages: Evaluations without an error estimate, ``[methods]``: a last stage that serves
            only the estimate and the next step is left out.
        fsal: See :attr:`Tableau.fsal`, ``[methods]``.
        multistep: See :class:`Tableau`, ``[methods]``, as for ``exponential`` and ``corrected``.
    """

    def __init__(self, tableaus: Sequence[Tableau]) -> None:
        self.a = np.zeros((len(tableaus), STAGES, STAGES))
        self.b, self.c, self.error = np.zeros((3, len(tableaus), STAGES))
        for index, tableau in enumerate(tableaus):
            for stage, row in enumerate(tableau.a):
                self.a[index, stage, : len(row)] = row
            self.b[index, : tableau.stages] = tableau.b
            self.c[index, : tableau.stages] = tableau.c
            if tableau.embedded:
                self.error[index, : tableau.stages] = np.subtract(tableau.b, tableau.embedded)
        self.power = np.array([min(z.order, z.embedded_order) + 1 for z in tableaus])
        self.stages = np.array([tableau.stages for tableau in tableaus])
        self.fsal = np.array([tableau.fsal for tableau in tableaus])
        self.plain_stages = np.array([tableau.plain_stages for tableau in tableaus])
        self.multistep = np.array([tableau.multistep for tableau in tableaus])
        self.exponential = np.array([tableau.exponential for tableau in tableaus])
        self.corrected = np.array([tableau.corrected for tableau in tableaus])


COEFFICIENTS = Coefficients([*TABLEAUS.values()])
"""Of :data:`METHODS`, in their order."""
