"""The spec of a crystal's lane: that of a flow, with a composition. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from sureflow.families.flow.spec import FlowSpec

COMPOSITION = "composition"
"""Name of the condition: atomic numbers ``[n]`` in float32, 0 where an element is not given."""

ABOVE = "above"
"""Name of the condition that some models have: energy above the best crystal of the composition, in
eV per atom, ``[1]`` in float32."""


@dataclass(frozen=True, slots=True)
class CrystalSpec(FlowSpec):
    """One crystal to make. Its ``size`` is ``(n,)``, the number of atoms."""

    family: ClassVar[str] = "crystals"

    @property
    def species(self) -> Any:
        """The atomic numbers ``[n]``, as far as they are given; else ``None``."""
        return self.condition.get(COMPOSITION)
