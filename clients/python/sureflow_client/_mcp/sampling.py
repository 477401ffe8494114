"""Arguments of all tools that make samples."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .tool import Arguments

WAIT_S, LONGEST_S = 45.0, 600.0

NAMES = ("label", "condition", "guidance", "method", "steps", "tolerance", "score")
"""Arguments that are options of the client by the same name."""


class Waiting(Arguments):
    """Arguments of all tools that may take long."""

    wait_s: float = Field(WAIT_S, ge=0, le=LONGEST_S)
    """Seconds to wait; what takes longer goes on as a job."""

    picture: bool = True
    """Show images."""


class Sampling(Waiting):
    """What samples are made of, and how."""

    model: str | None = Field(None, max_length=200)
    """By default the server's own."""

    label: int | str | None = None
    """Name or number of a class."""

    condition: dict[str, Any] | None = Field(None, max_length=16)
    """Other conditions by name: lists of numbers, or a text."""

    guidance: float | None = None
    """Scale of classifier-free guidance; 1: none."""

    method: str | None = Field(None, max_length=200)
    """Solver; by default the one at which confidence holds."""

    steps: int | None = None
    """Solver steps; fewer are quicker and rougher."""

    tolerance: float | None = None
    """Error allowed per step, in place of steps."""

    score: str | None = Field(None, max_length=200)
    """What confidence is by; by default the model's best."""

    def options(self) -> dict[str, Any]:
        """Return what is said, as options of the client."""
        said = {name: getattr(self, name) for name in NAMES}
        return {name: value for name, value in said.items() if value is not None}


class Seeded(Sampling):
    """What samples are drawn from."""

    seed: int | None = Field(None, ge=0)
    """By default drawn, and answered."""
