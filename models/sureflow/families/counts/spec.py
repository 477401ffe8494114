"""The spec of a lane of counts. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sureflow.core.lane import Branch, LaneSpec

MAX_STEPS = 1000
MAX_GUIDANCE = 100.0

BRIDGE, TAU, UNIT = METHODS = ("bridge", "tau", "unit")
"""The samplers; see :mod:`sureflow.families.counts.moves`."""


@dataclass(frozen=True, slots=True)
class CountSpec(LaneSpec):
    """One vector of counts to make by births and deaths.

    At ``t = 0`` the counts are those of the source, at ``t = 1`` those of the sample.

    Attributes:
        method: One of :data:`METHODS`.
        steps: Steps of equal length, with an evaluation each.
        label: Class of the sample; ``None`` for any.
        guidance: Scale ``g`` of classifier-free guidance: ends are predicted in proportion to
            ``p(x1 | x_t, label)^g p(x1 | x_t)^(1 - g)``; 1 is plain.
    """

    family: ClassVar[str] = "counts"

    method: str = BRIDGE
    steps: int = 20
    label: int | None = None
    guidance: float = 1.0

    @property
    def guided(self) -> bool:
        """Whether every evaluation takes a second row, without the label."""
        return self.guidance != 1 and self.label is not None

    @property
    def run_by(self) -> tuple[object, ...]:
        """How it is run: what confidence is measured for, and the class."""
        return self.method, self.steps, self.guidance, self.label

    @property
    def edited(self) -> bool:
        """Whether it does not simply go on as its parent would have."""
        origin = self.origin
        if not isinstance(origin, Branch):
            return origin is not None
        parent: CountSpec = origin.parent
        return bool(origin.operations) or self.run_by != parent.run_by or parent.edited
