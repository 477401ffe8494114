"""The operations of edits of crystals: those of a flow, but for what guides. Free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sureflow.families.crystals.energies import ENERGIES
from sureflow.families.flow.operations import OPERATIONS as FLOW
from sureflow.families.flow.operations import Guide


@dataclass(frozen=True, slots=True, eq=False)
class GuideDown(Guide):
    """Guide the crystal down an energy.

    At every evaluation the expected end is moved by minus ``strength`` times the gradient of the
    energy by the state. Only ``operator``, the name of the energy, and ``strength`` have a meaning,
    the latter in squares of the state's numbers per unit of the energy.
    """

    def check(self, shape: Sequence[int], encoded: Sequence[int] | None = None) -> None:
        """Check that there is such an energy."""
        ENERGIES.check("operator", self.operator)


OPERATIONS: dict[str, type[Any]] = {**FLOW, "guide": GuideDown}
"""The operations, by the name that recipes use."""
