"""The fields of the lanes in flight: points, temperatures, weights, and what is counted of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from sureflow.core.arrays import Flags, Floats, Integers, Slots
from sureflow.core.card import Condition
from sureflow.core.engine import EarlyRule
from sureflow.core.fields import Field
from sureflow.core.frame import Frame
from sureflow.core.lane import View
from sureflow.core.lanes import Lanes
from sureflow.families.annealed.operations import Guide, Hold
from sureflow.families.annealed.reference import Reference
from sureflow.families.annealed.scores.catalogue import SCORES
from sureflow.families.annealed.spec import (
    LANGEVIN,
    MAX_REPLICAS,
    MAX_STEPS,
    TEMPERATURE,
    AnnealedSpec,
)
from sureflow.families.annealed.target import Target
from sureflow.sampling.early_stopping import EarlyStopping
from sureflow.sampling.recorder import TrajectoryRecorder
from sureflow.sampling.scoring import Scoring

HOTTEST = 1e-3
"""Inverse temperature of the second replica of a ladder before it is tuned; the first has 0."""


class AnnealedLanes(Lanes):
    """Slots for lanes of one target; a lane's points are the first ``rows`` of ``R``.

    Everything is in host memory: what is done to a point costs less than to send it to a device.
    Coordinates are those without bounds.

    Attributes:
        z: Points, ``[capacity, R, d]``, with ``target``, the log density there, ``[capacity, R]``,
            and ``gradient``; they are ``known`` once the density was asked for.
        proposal, momentum: Of the move under way, as far as ``leap`` evaluations.
        fresh, accept, swap: What was drawn for it, and ``at_beta`` and ``at_size``, its inverse
            temperatures and step sizes.
        begun: Whether the part after the warm-up has begun.
        beta: Inverse temperatures of the ladder, ``[capacity, R]``, ascending from 0 to 1.
        size: Step sizes at these, in scales of the reference.
        walker: Which of the replicas is at each of these, ``[capacity, R]``.
        log_weight: Of particles, ``[capacity, R]``.
        level: Inverse temperature of the particles.
        anchor, depth: Step and place on the ladder from which the particles come down to the end.
        origin: The point ``z`` of a transport, ``[capacity, d]``.
        swaps, refused: Swaps tried between neighbours, and those refused in the mean.
        mass: Log of the sum of the ratios of neighbours' densities, and their ``seen`` number.
        center, spread: Mean of the coldest point, and sum of its squared differences.
        roam, roam_mean, roam_square: Number, means and squares of every walker in either half.
    """

    def __init__(
        self, target: Target, capacity: int, early: Mapping[str, EarlyRule] | None = None
    ) -> None:
        super().__init__(capacity, torch.device("cpu"), 2 * MAX_STEPS + 1)
        self.network, (replicas, size) = target, (MAX_REPLICAS, target.dimension)
        self.law = Reference(target.mean.cpu().numpy(), target.scale.cpu().numpy())
        wide, many = (replicas, size), (replicas,)
        self.z, self.gradient = self.array("z", wide), self.array("gradient", wide)
        self.target: Floats = self.array("target", many)
        self.proposal, self.momentum = (
            self.array(name, wide, kept=False) for name in ("proposal", "momentum")
        )
        self.fresh = self.array("fresh", wide, kept=False)
        self.accept, self.swap, self.at_beta, self.at_size = (
            self.array(name, many, kept=False) for name in ("accept", "swap", "at_beta", "at_size")
        )
        self.leap = self.count("leap", kept=False)
        self.known, self.begun = self.flag("known"), self.flag("begun")
        self.beta, self.size = self.array("beta", many), self.array("size", many)
        self.walker: Integers = self.array("walker", many, "i8")
        self.log_weight, self.level = self.array("log_weight", many), self.number("level")
        self.anchor, self.depth = self.count("anchor"), self.number("depth")
        self.origin = self.array("origin", (size,))
        self.swaps, self.refused = self.array("swaps", many), self.array("refused", many)
        self.mass, self.seen = self.array("mass", many), self.number("seen")
        self.center, self.spread = self.array("center", (size,)), self.array("spread", (size,))
        self.roam = self.array("roam", (2,))
        roaming = (replicas, 2, size + 1)
        self.roam_mean = self.array("roam_mean", roaming)
        self.roam_square = self.array("roam_square", roaming)
        self.rows = self.count("rows")
        self.leave_at = self.count("leave_at", kept=False)
        self.specs: dict[int, AnnealedSpec] = {}
        self.free, self.held = np.ones((2, capacity, size))
        self.restraints: dict[int, list[Guide]] = {}
        self._given = self._conditions(target.conditions)
        self.temperature = np.ones(capacity)
        self.scoring = Scoring(self, (size,), lambda name: SCORES[name].kind)
        self.recorder = TrajectoryRecorder(self)
        self.early_stopping = EarlyStopping(self, early or {})

    def array(
        self, name: str, shape: tuple[int, ...], dtype: str = "f8", *, kept: bool = True
    ) -> Any:
        """Add an array in host memory, ``[capacity, *shape]``."""
        made = np.zeros((self.capacity, *shape), dtype)
        self.add(name, Field(shape, dtype, kept=kept), made)
        return made

    def _conditions(self, known: Mapping[str, Condition]) -> dict[str, Any]:
        return {
            name: np.full((self.capacity, *each.shape), each.null) for name, each in known.items()
        }

    def admit(self, slot: int, spec: AnnealedSpec) -> None:
        """Start a lane whose points are yet to be drawn."""
        self.clear(slot)
        for name, field in self.fields.items():
            if not field.history and not name.startswith("score."):
                self.arrays[name][slot] = 0
        self.free[slot], self.held[slot] = 1, 0
        self.restraints[slot] = []
        self.rows[slot] = spec.replicas
        count = spec.replicas
        self.beta[slot, :count] = 1
        if spec.method != LANGEVIN:
            self.beta[slot, : count - 1] = [0, *np.geomspace(HOTTEST, 1, count - 1)][: count - 1]
        self.size[slot, :count] = 1 / np.sqrt(self.law.mean.size)
        self.walker[slot, :count] = np.arange(count)
        self.mass[slot] = -np.inf
        self.continue_as(slot, spec)
        self.scoring.admit(slot, spec)
        self.recorder.admit(slot, spec)
        self.early_stopping.admit(slot, spec)

    def continue_as(self, slot: int, spec: AnnealedSpec) -> None:
        """Continue a lane with another spec: other parameters of the target."""
        self.specs[slot] = spec
        temperature = spec.condition.get(TEMPERATURE)
        self.temperature[slot] = 1.0 if temperature is None else float(temperature[0])
        for name, rows in self._given.items():
            default = self.network.conditions[name].null
            rows[slot] = spec.condition.get(name, default)

    def given(self, slots: Slots, rows: int) -> dict[str, Any]:
        """The conditions of so many rows of each lane, by name."""
        return {name: np.repeat(each[slots], rows, 0) for name, each in self._given.items()}

    def coordinates(self, x: Any) -> Floats:
        """Coordinates without bounds ``[d]`` of a sample ``[d]``."""
        given = torch.as_tensor(np.asarray(x, np.float64)[None], device=self.network.mean.device)
        found: Floats = self.network.unbounded(given)[0].cpu().numpy()
        return found

    def data(self, z: Floats) -> Floats:
        """The sample ``[d]`` at coordinates ``[d]``."""
        given = torch.as_tensor(z[None], device=self.network.mean.device)
        found: Floats = self.network.bounded(given)[0][0].cpu().numpy()
        return found

    def hold(self, slot: int, operation: Hold) -> None:
        """Hold components of all points of a lane."""
        known = self.coordinates(np.where(operation.mask, operation.known, self._inside()))
        self.free[slot][operation.mask] = 0
        self.held[slot][operation.mask] = known[operation.mask]

    def _inside(self) -> Floats:
        return self.data(self.law.mean)

    def law_at(self, slot: int, z: Floats, target: Floats, gradient: Floats) -> tuple[Any, Any]:
        """Log density and gradient of a lane's own law from those of the target, at ``z [R, d]``.

        It is that at the lane's temperature, with its restraints.
        """
        target, gradient = target / self.temperature[slot], gradient / self.temperature[slot]
        for guide in self.restraints[slot]:
            off = np.where(guide.mask, z - self.coordinates(guide.target), 0.0)
            target = target - guide.strength / 2 * (off * off).sum(-1)
            gradient = gradient - guide.strength * off
        return target, gradient

    def suits(self, spec: AnnealedSpec, frame: Frame) -> bool:
        """Whether a lane can be restored from a frame."""
        return self.fits(frame) is None and self.scoring.complete_in(frame.arrays, spec.scores)

    def ticks_left(self, slots: Slots) -> Floats:
        """Evaluations until each lane ends, ``[n]``."""
        specs = [self.specs[slot] for slot in slots.tolist()]
        moves = np.array([spec.moves for spec in specs], np.float64) - self.step[slots]
        return np.asarray(moves * np.array([spec.leapfrog for spec in specs]), np.float64)

    def next_step_t(self, slot: int) -> float:
        """The time at which the next step begins."""
        return min(float(self.step[slot] + 1) / self.specs[slot].moves, 1.0)

    def view(self, slot: int) -> View:
        """The coldest point of a lane at the beginning of its step, and how far apart all are."""
        rows = int(self.rows[slot])
        state = self.data(self.z[slot, rows - 1]).astype(np.float32)
        spread = self.z[slot, :rows].var(0).astype(np.float32)
        step, t = int(self.step[slot]), float(self.t[slot])
        passed = float(self.rates[slot, :step].sum()) / self.specs[slot].moves
        return View(step, t, state, state, float(spread.sum()), spread, passed)

    def views(self, slot: int) -> tuple[View, ...]:
        """The views of a lane so far, ascending."""
        return self.recorder.views(slot)

    def statistics(self, score: str, slots: Slots) -> Floats:
        """What foretells a score of lanes: nothing does."""
        return np.full((len(slots), 1), np.nan)

    def groups(self, slots: Slots) -> list[tuple[int, Flags]]:
        """The lanes by their number of points: each number, and which of the lanes have it."""
        rows = self.rows[slots]
        return [(int(count), rows == count) for count in np.unique(rows)]
