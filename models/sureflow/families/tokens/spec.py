"""The spec of a lane of tokens. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sureflow.core.lane import Branch, LaneSpec

MAX_STEPS = 1000
MAX_GUIDANCE = 100.0
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 10.0

ANCESTRAL, FIRST_HITTING, CONFIDENCE, REMASKING = METHODS = (
    "ancestral",
    "first_hitting",
    "confidence",
    "remasking",
)
"""The samplers; see :mod:`sureflow.families.tokens.unmasking`."""


@dataclass(frozen=True, slots=True)
class TokenSpec(LaneSpec):
    """One sequence to make by masked diffusion.

    At ``t = 0`` all tokens are masked, at ``t = 1`` none is; on the way a token is known with
    probability ``t``.

    Attributes:
        method: One of :data:`METHODS`.
        steps: Steps of equal length, with an evaluation each; ``first_hitting`` has one for every
            masked token instead, at the times of a Poisson process.
        guidance: Scale ``g`` of classifier-free guidance: tokens are drawn in proportion to
            ``p(x | c)^g p(x)^(1 - g)``; 1 is plain.
        temperature: Tokens are drawn in proportion to ``p^(1 / temperature)``.
        top_p: Tokens are drawn from the smallest set that has at least this probability (nucleus).
        remask: Of ``remasking``: how many known tokens are masked again between two steps, as a
            share of the most that keeps the law of their number.
    """

    family: ClassVar[str] = "tokens"

    method: str = ANCESTRAL
    steps: int = 32
    guidance: float = 1.0
    temperature: float = 1.0
    top_p: float = 1.0
    remask: float = 0.0

    @property
    def guided(self) -> bool:
        """Whether every evaluation takes a second row, without the condition."""
        return self.guidance != 1 and bool(self.condition)

    @property
    def run_by(self) -> tuple[object, ...]:
        """How it is run: what confidence is measured for."""
        return self.method, self.steps, self.guidance, self.temperature, self.top_p, self.remask

    def same_condition(self, other: TokenSpec) -> bool:
        """Whether another lane has the same conditions."""
        mine = {name: value.tolist() for name, value in self.condition.items()}
        return mine == {name: value.tolist() for name, value in other.condition.items()}

    @property
    def edited(self) -> bool:
        """Whether it does not simply go on as its parent would have."""
        origin = self.origin
        if not isinstance(origin, Branch):
            return origin is not None
        parent: TokenSpec = origin.parent
        same = self.run_by == parent.run_by and self.same_condition(parent)
        return bool(origin.operations) or not same or parent.edited
