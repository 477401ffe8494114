"""A teacher that has memorised its training data, and its students: who copies less?

200 digits of MNIST, averaged to 14 x 14 pixels, are learned until the teacher gives them back. The
served number ``novelty`` says what is a copy. Other digits are what a model that had learned the
law, and not the samples, would make.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from torch.nn.functional import avg_pool2d

from benchmarks.report import Report
from benchmarks.students.memory import STEPS, described, memory_of
from benchmarks.students.spread import add_mean
from sureflow.checkpoint import CheckpointConfig, load, save
from sureflow.core.lane import NOVELTY
from sureflow.evaluation.auroc import auroc
from sureflow.evaluation.memorisation import Memorisation
from sureflow.model import Model
from sureflow.sampling.sample import sample
from sureflow.training.arrays import scaled
from sureflow.training.digits import digits
from sureflow.training.distillation.config import DistillationConfig
from sureflow.training.distillation.run import distill
from sureflow.training_index import COPIED, INDEX, TrainingIndex

LEARNED, OTHERS, SAMPLES, SEED = 200, 1500, 600, 5
SEEDS = 5, 6, 7
"""Seeds of sampling; there is one training of each network."""

DISTILLED: dict[str, Any] = {
    "steps": 4,
    "substeps": 5,
    "trajectories": 32768,
    "together": 1024,
    "batch": 256,
    "passes": 8,
    "learning_rate": 1e-3,
    "precision": "bfloat16",
}
NOISES = (0.1, 0.3, 0.5)
"""Deviations of the noise by which copies differ; pixels are in [-1, 1]."""

ALIKE = 0.95
"""Correlation of pixels from which on a sample is called a copy where its novelty is judged."""

Vectors = np.ndarray[Any, np.dtype[np.float32]]


@dataclass
class Drawn:
    """Samples of one model after the other, with the number that was served of each."""

    data: list[Vectors] = field(default_factory=list)
    novelty: list[float] = field(default_factory=list)


def memorisation(report: Report, chosen: argparse.Namespace) -> None:
    """Share of copies of teacher and students, and how well novelty tells copies from others."""
    images = avg_pool2d(scaled(digits()[0][: LEARNED + OTHERS]), 2).flatten(1).numpy()
    learned, fresh = images[:LEARNED], images[LEARNED:]
    _planted(report, learned, fresh)
    index, drawn = TrainingIndex.of(learned), Drawn()
    report.add("memorising energy of learned", energy(learned, fresh))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _teach(report, root / "teacher", learned, STEPS // 40 if chosen.quick else STEPS)
        index.save(root / "teacher" / INDEX)
        run_by = {"method": "heun", "steps": 20, "grid": "uniform", "scores": ("straightness",)}
        _row(report, "teacher", load(root / "teacher"), fresh, drawn, chosen.quick, **run_by)
        for target in ("end", "next"):
            few = {"trajectories": 1024, "passes": 1} if chosen.quick else {}
            config = DistillationConfig.model_validate({**DISTILLED, **few, "target": target})
            distill(root / "teacher", config, root / target, target, quiet=True)
            index.save(root / target / INDEX)
            model = load(root / target)
            for steps in (1, 2, 4):
                name, run_by = f"student {target} {steps}", {"steps": steps}
                _row(report, name, model, fresh, drawn, chosen.quick, **run_by)
    _told(report, learned, fresh, drawn, index)


def _teach(report: Report, folder: Path, learned: Vectors, steps: int) -> None:
    """Train a teacher and save it as a diffusion model."""
    begun = time.process_time()
    network = memory_of(learned, steps, SEED)
    report.add("memorising teacher minutes", (time.process_time() - begun) / 60, "min of a core")
    report.add("memorising teacher steps", steps)
    size = learned.shape[1]
    config = CheckpointConfig(
        name="teacher", family="diffusion", media="vector", network=described(size)
    )
    save(folder, config, network)


def _row(
    report: Report,
    name: str,
    model: Model,
    fresh: Vectors,
    drawn: Drawn,
    quick: bool,
    **run_by: Any,
) -> None:
    """What the samples of a model are, by the number that is served with each."""
    copied, novelty, distance = [], [], []
    for seed in SEEDS[:1] if quick else SEEDS:
        samples = sample(model, 100 if quick else SAMPLES, seed, capacity=256, **run_by)
        served = [float(each.fields[NOVELTY]) for each in samples]
        data = [each.data for each in samples]
        found = Memorisation(np.array(served), np.zeros(0), 0)
        copied.append(found.copied)
        novelty.append(found.median)
        distance.append(energy(np.stack(data), fresh))
        drawn.data += data
        drawn.novelty += served
    add_mean(report, f"memorising {name} copied", copied)
    add_mean(report, f"memorising {name} novelty", novelty)
    add_mean(report, f"memorising {name} energy", distance)


def _told(
    report: Report, learned: Vectors, fresh: Vectors, drawn: Drawn, index: TrainingIndex
) -> None:
    """How well the served number tells samples that correlate with a learned digit from others.

    The samples are those of all models; as many other digits are among them.
    """
    others = [index.find(each).novelty for each in fresh]
    data = np.concatenate([np.stack(drawn.data), fresh])
    copies = correlation(data, learned).max(1) >= ALIKE
    report.add("memorising pooled", len(data))
    report.add("memorising pooled copies", float(copies.mean()))
    report.add("memorising AUROC", auroc(-np.array([*drawn.novelty, *others]), copies))


def correlation(one: Vectors, other: Vectors) -> Vectors:
    """Correlation of the pixels of every sample with every other one, ``[n, m]``."""
    return (1 - cdist(one, other, "correlation")).astype(np.float32)


def energy(one: Vectors, other: Vectors) -> float:
    """Energy distance ``2 E|x - y| - E|x - x'| - E|y - y'|`` of two sets, without bias."""
    n, m = len(one), len(other)
    own = cdist(one, one).sum() / (n * (n - 1)) + cdist(other, other).sum() / (m * (m - 1))
    return float(2 * cdist(one, other).mean() - own)


def _planted(report: Report, learned: Vectors, fresh: Vectors) -> None:
    """How well novelty tells training samples with noise from other digits with as much."""
    draw = np.random.default_rng(SEED)
    half = fresh[: len(fresh) // 2]
    report.add("memorising floor energy", energy(half, fresh[len(half) :]))
    index = TrainingIndex.of(learned)
    alone = Memorisation.of([index.find(x) for x in fresh])
    report.add("memorising fresh copied", alone.copied)
    report.add("memorising fresh novelty", alone.median)
    for components in (None, 16):
        index = TrainingIndex.of(learned, components)
        for noise in NOISES:
            copies, others = (
                [
                    index.find((x + noise * draw.standard_normal(x.shape)).astype(np.float32))
                    for x in part
                ]
                for part in (learned, fresh[:600])
            )
            novelty = np.array([each.novelty for each in (*copies, *others)])
            bad = np.arange(len(novelty)) < len(copies)
            kind = "pixels" if components is None else f"{components} components"
            report.add(f"planted {kind} {noise} AUROC", auroc(-novelty, bad))
            below = np.array([each.novelty for each in copies]) < COPIED
            report.add(f"planted {kind} {noise} found", float(below.mean()))
