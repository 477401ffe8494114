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
    """Seconds to wait. What takes longer goes on, and the answer has a job for the tool job."""

    picture: bool = True
    """Whether to show pictures, where the samples are images."""


class Sampling(Waiting):
    """What samples are made of, and how."""

    model: str | None = Field(None, max_length=200)
    """One of list_models; by default the server's."""

    label: int | str | None = None
    """Name or number of a class, for a model that has classes."""

    condition: dict[str, Any] | None = Field(None, max_length=16)
    """Other conditions by name: lists of numbers, or a text where the model takes one."""

    guidance: float | None = None
    """Scale of classifier-free guidance; 1 is none."""

    method: str | None = Field(None, max_length=200)
    """Solver; one of samplers. By default the one at which confidence holds."""

    steps: int | None = None
    """Number of solver steps; fewer are quicker and rougher."""

    tolerance: float | None = None
    """Error allowed per step, in place of steps: every sample chooses its own."""

    score: str | None = Field(None, max_length=200)
    """What confidence is by; by default the score that the model is best judged by."""

    def options(self) -> dict[str, Any]:
        """Return what is said, as options of the client."""
        said = {name: getattr(self, name) for name in NAMES}
        return {name: value for name, value in said.items() if value is not None}


class Seeded(Sampling):
    """What samples are drawn from."""

    seed: int | None = Field(None, ge=0, lt=2**63)
    """Equal seeds and arguments give equal samples; by default drawn, and answered."""
