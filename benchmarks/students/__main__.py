"""Students beside their teachers: quality at few evaluations, and memorised training data.

``python -m benchmarks.students --part quality`` and so on; ``--docs docs/benchmarks`` writes the
page.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.report import Report, options, run_parts
from benchmarks.students.memorising import memorisation
from benchmarks.students.page import write
from benchmarks.students.readers import Reader, readers
from sureflow.checkpoint import load
from sureflow.core.lane import Sample
from sureflow.evaluation.auroc import auroc
from sureflow.evaluation.evaluate import balanced
from sureflow.evaluation.frechet import frechet_distance
from sureflow.folders import embedded_folder
from sureflow.model import Model
from sureflow.sampling.sample import run

COUNT, QUICK, SEED, CAPACITY = 600, 40, 31_000, 64

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


def drawn(model: Model, count: int, scores: tuple[str, ...], **fields: Any) -> Drawn:
    """Draw samples of all classes in turn."""
    lanes = balanced(model, range(count), SEED, scores=scores, **fields)
    run(model, lanes[:CAPACITY], CAPACITY)  # verifies block sizes
    begun = time.process_time()
    samples = run(model, lanes, CAPACITY)
    return Drawn(samples, (time.process_time() - begun) / count)


def _add(report: Report, name: str, found: Drawn, reader: Reader) -> np.ndarray[Any, Any]:
    """The row of some samples; returns which of them are misread."""
    read, features = reader.read(found.images)
    labels = torch.tensor([each.spec.label for each in found.samples])
    bad: np.ndarray[Any, Any] = (read != labels).numpy()
    report.add(f"{name} misread", float(bad.mean()))
    report.add(f"{name} FD", frechet_distance(features, reader.real))
    report.add(f"{name} seconds", found.seconds, "s of a processor")
    return bad


def quality(report: Report, chosen: argparse.Namespace) -> None:
    """Misread rate, judge-FD and time of students and their teachers; AUROC of their scores."""
    count = QUICK if chosen.quick else COUNT
    report.add("quality samples", count)
    for teacher, reader in readers().items():
        if not (embedded_folder() / f"{teacher}-4").is_dir():
            continue
        report.add(f"{teacher} floor FD", reader.floor)
        model = load(f"{teacher}-4")
        for steps in model.card.step_counts:
            plain = drawn(model, count, ("revision",), steps=steps)
            bad = _add(report, f"{teacher}-4 {steps}", plain, reader)
            if steps == max(model.card.step_counts):
                scored = drawn(model, count, SCORES, steps=steps)
                for score in SCORES:
                    values = np.array([each.scores[score] for each in scored.samples])
                    report.add(f"{teacher}-4 {steps} AUROC {score}", auroc(values, bad))
        model = load(teacher)
        for row, fields in TEACHERS.items():
            if fields.get("grid", "uniform") in model.card.grids:
                _add(report, f"{teacher} {row}", drawn(model, count, CHEAP, **fields), reader)


PARTS = {"quality": quality, "memorisation": memorisation}

if __name__ == "__main__":
    run_parts("students", options(__doc__), PARTS, write)
