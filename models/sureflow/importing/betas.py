"""Tables of betas of diffusion in discrete steps, as configs of diffusers name them."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from sureflow.importing.config_fields import Fields

NAMED = {
    "linear": "linear",
    "scaled_linear": "scaled_linear",
    "squaredcos_cap_v2": "cosine",
    "sigmoid": "sigmoid",
}
"""Our names of schedules of betas, by those of diffusers."""

MOST_STEPS = 100_000
LARGEST_BETA = 0.999


def read_betas(fields: Fields, steps: int, default: tuple[float, float]) -> dict[str, Any]:
    """The fields of a path of kind ``discrete`` that say its betas, by a name or as a list.

    Args:
        fields: The config of a scheduler.
        steps: Number of steps.
        default: The first and the last beta where the config has none.

    Raises:
        ValueError: A field is not valid; the message begins with it.
    """
    if table := fields.numbers("trained_betas", 2, MOST_STEPS, 0, 1):
        return {"betas": table}
    name = fields.choice("beta_schedule", {**NAMED, "exp": "exp", "laplace": "laplace"}, "linear")
    if name in TABLES:
        return {"betas": _table(TABLES[name], steps)}
    if name == "cosine":
        return {"betas": name, "steps": steps}
    first, last = (
        fields.number(field, by_default, 0, 1)
        for field, by_default in zip(("beta_start", "beta_end"), default, strict=True)
    )
    return {"betas": name, "first": first, "last": last, "steps": steps}


def _laplace(t: float) -> float:
    half = 0.5 - t
    level = -0.5 * math.copysign(1, half) * math.log(1 - 2 * abs(half) + 1e-6)
    return math.sqrt(1 / (1 + math.exp(-level)))


TABLES: dict[str, Callable[[float], float]] = {
    "exp": lambda t: math.exp(-12 * t),
    "laplace": _laplace,
}
"""What remains of the signal's power at ``t`` from 0 to 1, for schedules that have no name here."""


def _table(signal: Callable[[float], float], steps: int) -> list[float]:
    ends = [signal(k / steps) for k in range(steps + 1)]
    return [min(1 - after / before, LARGEST_BETA) for before, after in pairwise(ends)]
