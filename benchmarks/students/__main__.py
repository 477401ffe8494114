"""Students beside their teachers: quality at few evaluations, and memorised training data.

``python -m benchmarks.students --part quality`` and so on; ``--docs docs/benchmarks`` writes the
page. Figures of quality are means over three seeds of sampling, with the half width of a 90 %
interval (Student's t).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from benchmarks.report import Report, options, run_parts
from benchmarks.students.memorising import memorisation
from benchmarks.students.page import write
from benchmarks.students.readers import Reader, readers
from benchmarks.students.spread import add_mean
from sureflow.checkpoint import load
from sureflow.core.lane import Sample
from sureflow.evaluation.auroc import auroc
from sureflow.evaluation.evaluate import balanced
from sureflow.evaluation.frechet import frechet_distance
from sureflow.evaluation.placement import fit_grid
from sureflow.evaluation.teacher_gap import teacher_gap
from sureflow.families.flow.spec import GRIDS
from sureflow.model import Model
from sureflow.sampling.sample import run

COUNT, QUICK, CAPACITY = 600, 40, 64
SEEDS = 31_000, 32_000, 33_000

GRID_DRAWS, GRID_SEED = 12, 2_000_003
"""How a grid is fitted to a teacher that ships none."""

TEACHERS: dict[str, dict[str, Any]] = {
    "heun 2": {"method": "heun", "steps": 2},
    "heun 4": {"method": "heun", "steps": 4},
    "heun 4 fitted": {"method": "heun", "steps": 4, "grid": "fitted"},
    "heun 20": {"method": "heun", "steps": 20},
}
"""How the teacher is run, by the name of the row: 4, 8, 8 and 40 evaluations."""

SCORES = ("revision", "self_consistency", "renoise_spread", "adherence", "adherence_contrast")
"""Scores of students."""

CHEAP = ("straightness",)
"""Score of the teacher's lanes, which costs nothing beside the variance."""


@dataclass(frozen=True)
class Drawn:
    """Samples, and the seconds of a processor that each took."""

    samples: list[Sample]
    seconds: float

    @property
    def images(self) -> torch.Tensor:
        """The samples, ``[n, 1, 28, 28]``."""
        return torch.from_numpy(np.stack([each.data for each in self.samples]))


def drawn(model: Model, count: int, seed: int, scores: tuple[str, ...], **fields: Any) -> Drawn:
    """Draw samples of all classes in turn."""
    lanes = balanced(model, range(count), seed, scores=scores, **fields)
    run(model, lanes[:CAPACITY], CAPACITY)  # verifies block sizes
    begun = time.process_time()
    samples = run(model, lanes, CAPACITY)
    return Drawn(samples, (time.process_time() - begun) / count)


def _misread(found: Drawn, reader: Reader) -> tuple[np.ndarray[Any, Any], torch.Tensor]:
    """Which samples the judge takes for another class, ``[n]``, and their features."""
    read, features = reader.read(found.images)
    labels = torch.tensor([each.spec.label for each in found.samples])
    bad: np.ndarray[Any, Any] = (read != labels).numpy()
    return bad, features


def _row(report: Report, name: str, of_seeds: list[Drawn], reader: Reader) -> None:
    """The figures of a row of the table of quality."""
    judged = [_misread(each, reader) for each in of_seeds]
    add_mean(report, f"{name} misread", [float(bad.mean()) for bad, _ in judged])
    add_mean(report, f"{name} FD", [frechet_distance(each, reader.real) for _, each in judged])
    add_mean(report, f"{name} seconds", [each.seconds for each in of_seeds], "s of a processor")


def quality(report: Report, chosen: argparse.Namespace) -> None:
    """Misread rate, judge-FD and time of students and their teachers; AUROC of their scores."""
    count, seeds = (QUICK, SEEDS[:1]) if chosen.quick else (COUNT, SEEDS)
    report.add("quality samples", count)
    report.add("quality seeds", len(seeds))
    for teacher, reader in readers().items():
        report.add(f"{teacher} floor FD", reader.floor)
        report.add(f"{teacher} real misread", reader.mistaken)
        model = load(f"{teacher}-4")
        for steps in model.card.step_counts:
            plain = [drawn(model, count, seed, ("revision",), steps=steps) for seed in seeds]
            _row(report, f"{teacher}-4 {steps}", plain, reader)
        scored = [drawn(model, count, seed, SCORES, steps=4) for seed in seeds]
        _scores(report, f"{teacher}-4 4", scored, reader)
        model = _with_grid(load(teacher), 2 if chosen.quick else GRID_DRAWS)
        for row, fields in TEACHERS.items():
            found = [drawn(model, count, seed, CHEAP, **fields) for seed in seeds]
            _row(report, f"{teacher} {row}", found, reader)


def _scores(report: Report, name: str, of_seeds: list[Drawn], reader: Reader) -> None:
    """How well each score tells the misread samples from the others."""
    for score in SCORES:
        found = []
        for each in of_seeds:
            values = np.array([sample.scores[score] for sample in each.samples])
            found.append(auroc(values, _misread(each, reader)[0]))
        add_mean(report, f"{name} AUROC {score}", found)


def _with_grid(model: Model, draws: int) -> Model:
    """The model with a fitted grid, its own or one that is fitted now."""
    if "fitted" in model.card.grids:
        return model
    grid = fit_grid(model, draws, None, GRID_SEED, quiet=True)
    return replace(model, card=replace(model.card, grids=GRIDS), grid=grid)


def audit(report: Report, chosen: argparse.Namespace) -> None:
    """How far students end from their teachers, and which scores foretell it."""
    count = 100 if chosen.quick else COUNT
    report.add("audit samples", count)
    for name in ("digits", "fashion"):
        found = teacher_gap(
            load(f"{name}-4"), load(name), count, SEEDS[0], {"method": "heun", "steps": 20}, True
        )
        for part, value in zip(("low", "median", "high"), found.quantiles, strict=True):
            report.add(f"{name}-4 gap {part}", value)
        report.add(f"{name}-4 apart", found.apart)
        for score, (value, half) in found.follows.items():
            report.add(f"{name}-4 gap by {score}", value)
            report.add(f"{name}-4 gap by {score}, +-", half)


PARTS = {"quality": quality, "audit": audit, "memorisation": memorisation}

if __name__ == "__main__":
    run_parts("students", options(__doc__), PARTS, write)
