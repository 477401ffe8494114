"""What the numbers of a network may mean: the conventions that a wrong one is compared with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sureflow.networks.foreign.convention import Convention
from sureflow.networks.foreign.prediction import ForeignPrediction

LINEAR: dict[str, Any] = {"kind": "linear"}
DISCRETE: dict[str, Any] = {"kind": "discrete"}
STABLE = DISCRETE | {"betas": "scaled_linear", "first": 0.00085, "last": 0.012}

PLACES: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("", LINEAR, "t"),
    (" with t reversed (it takes t = 1 for noise)", LINEAR, "1 - t"),
    (" with t in 0 .. 1000", LINEAR, "1000 * t"),
    (
        " with t reversed, in 0 .. 1000 (it takes t = 1000 for noise)",
        LINEAR,
        "1000 * (1 - t)",
    ),
    (" on the path of DDPM, with linear betas", DISCRETE, "step"),
    (" on the path of Stable Diffusion", STABLE, "step"),
    (" on the path with a cosine schedule", DISCRETE | {"betas": "cosine"}, "step"),
    (" on the continuous variance-preserving path", {"kind": "vp"}, "1 - t"),
    (" on the path of EDM", {"kind": "edm"}, "0.25 * log(sigma)"),
    (" on the variance-exploding path", {"kind": "ve"}, "sigma"),
)  # fmt: skip
"""Paths and clocks, each with how it is said."""

PREDICTED: dict[ForeignPrediction, str] = {
    "velocity": "the velocity x1 - x0",
    "reverse_velocity": "the opposite velocity x0 - x1",
    "noise": "a prediction of the noise x0",
    "data": "a prediction of the data x1",
    "v": "a prediction of v",
    "edm": "a prediction of what EDM preconditions",
}
"""What a network may predict there, as it is said."""


@dataclass(frozen=True)
class Reading:
    """A convention, and how it is said.

    Attributes:
        convention: The convention.
        says: What the network predicts under it.
    """

    convention: Convention
    says: str

    def settings(self, present: Convention) -> str:
        """The fields that have to be set for it, in place of the present convention."""
        wanted, path = self.convention, self.convention.path.description()
        fields = {}
        if path != present.path.description():
            fields["path"] = json.dumps(path)
        if wanted.prediction != present.prediction:
            fields["prediction"] = f'"{wanted.prediction}"'
        if wanted.time != present.time:
            fields["time"] = f'"{wanted.time}"'
        return ", ".join(f"{name} to {value}" for name, value in fields.items())


def at_a_place(path: Any, time: str, where: str) -> list[Reading]:
    """All readings of the same answers: of one path and one clock."""
    found = []
    for prediction, what in PREDICTED.items():
        try:
            found.append(Reading(Convention(path, prediction, time), f"{what}{where}"))
        except ValueError:  # there is no such prediction on this path
            continue
    return found


def readings() -> Iterator[list[Reading]]:
    """The readings of every place, which share the network's answers."""
    for where, path, time in PLACES:
        yield at_a_place(path, time, where)
