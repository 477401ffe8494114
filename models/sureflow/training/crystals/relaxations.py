"""Relaxations of many structures, which can be stopped and taken up again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sureflow.training.crystals.composition import Composition, atomic_numbers, radii
from sureflow.training.crystals.crystal import Crystal
from sureflow.training.crystals.prototypes import BY_KIND, Prototype, shortest
from sureflow.training.crystals.relaxation import Relaxed, relax

NEAREST = 0.5
"""A relaxation has failed if two atoms end up nearer to each other than this, in angstrom."""


@dataclass(frozen=True, slots=True)
class Task:
    """A composition that is to be relaxed in a prototype."""

    composition: Composition
    prototype: Prototype

    @property
    def key(self) -> str:
        """What it is called in the file of results."""
        return f"{self.composition.formula} {self.prototype.name}"

    def start(self) -> Crystal:
        """The prototype with these elements, at the size that their radii ask for."""
        numbers = np.array(atomic_numbers(self.composition.elements), dtype=np.int64)
        lattice = self.prototype.lattice(radii(self.composition.elements))
        return Crystal(lattice, self.prototype.frac, numbers[list(self.prototype.sites)])


def tasks(compositions: Iterable[Composition]) -> list[Task]:
    """Each composition in each prototype of its kind."""
    return [Task(one, prototype) for one in compositions for prototype in BY_KIND[one.kind]]


class Results:
    """Relaxed structures by the keys of their tasks, in a file to which each is appended.

    Args:
        path: A file of JSON lines; what an interrupted run wrote in part is ignored.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.found: dict[str, Relaxed | None] = {}
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        path.write_text("".join(line + "\n" for line in lines))
        for line in lines:
            record = json.loads(line)
            key = record.pop("key")
            self.found[key] = relaxed_of(record) if record else None

    def run(self, wanted: Iterable[Task], calculator: Any) -> Iterator[Task]:
        """Relax what has not been relaxed yet, and yield each task that has been, or was before."""
        for task in wanted:
            if task.key not in self.found:
                self._append(task.key, _attempt(task, calculator))
            yield task

    def _append(self, key: str, relaxed: Relaxed | None) -> None:
        self.found[key] = relaxed
        record = {"key": key} | ({} if relaxed is None else record_of(relaxed))
        with self._path.open("a") as file:
            file.write(json.dumps(record) + "\n")


def _attempt(task: Task, calculator: Any) -> Relaxed | None:
    """The relaxed structure, or none if the potential gave up or the atoms fell together."""
    try:
        relaxed = relax(task.start(), calculator)
    except (ArithmeticError, RuntimeError, ValueError, np.linalg.LinAlgError):
        return None
    near = shortest(relaxed.crystal.lattice, relaxed.crystal.frac).min()
    return relaxed if np.isfinite(relaxed.energy) and near > NEAREST else None


def record_of(relaxed: Relaxed) -> dict[str, Any]:
    """A relaxed structure as JSON has it."""
    crystal = relaxed.crystal
    return {
        "lattice": crystal.lattice.tolist(),
        "frac": crystal.frac.tolist(),
        "species": crystal.species.tolist(),
        "energy": relaxed.energy,
        "steps": relaxed.steps,
        "converged": relaxed.converged,
    }


def relaxed_of(record: dict[str, Any]) -> Relaxed:
    """The relaxed structure of a record, which is emptied."""
    crystal = Crystal(
        np.array(record.pop("lattice")),
        np.array(record.pop("frac")),
        np.array(record.pop("species"), dtype=np.int64),
    )
    return Relaxed(crystal, **record)
