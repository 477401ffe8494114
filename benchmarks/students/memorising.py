"""A teacher that has memorised its training data, and its students: who copies less?

200 digits of MNIST, averaged to 14 x 14 pixels, are learned by a perceptron until it gives them
back. The served number ``novelty`` says what is a copy. Other digits are what a model that had
learned the law, and not the samples, would make.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch.nn.functional import avg_pool2d

from benchmarks.report import Report
from sureflow.checkpoint import CheckpointConfig, load, save
from sureflow.core.lane import NOVELTY
from sureflow.evaluation.auroc import auroc
from sureflow.evaluation.memorisation import Memorisation
from sureflow.model import Model
from sureflow.networks import build
from sureflow.sampling.sample import sample
from sureflow.training.arrays import Arrays, scaled
from sureflow.training.config import TrainingConfig
from sureflow.training.digits import digits
from sureflow.training.distillation.config import DistillationConfig
from sureflow.training.distillation.run import distill
from sureflow.training.trainer import Trainer
from sureflow.training_index import COPIED, INDEX, TrainingIndex

LEARNED, OTHERS, SAMPLES, SEED = 200, 1500, 600, 5
NETWORK: dict[str, Any] = {"kind": "mlp", "shape": [196], "width": 256, "layers": 3}
STEPS, BATCH = 8000, 256
DISTILLED: dict[str, Any] = {
    "steps": 4,
    "substeps": 5,
    "trajectories": 8192,
    "together": 1024,
    "batch": 256,
    "passes": 8,
    "learning_rate": 1e-3,
}
NOISES = (0.1, 0.3, 0.5)
"""Deviations of the noise by which copies differ; pixels are in [-1, 1]."""

Vectors = np.ndarray[Any, np.dtype[np.float32]]


def memorisation(report: Report, chosen: argparse.Namespace) -> None:
    """Share of copies of teacher and students, and how well novelty tells copies from others."""
    images = avg_pool2d(scaled(digits()[0][: LEARNED + OTHERS]), 2).flatten(1).numpy()
    learned, fresh = images[:LEARNED], images[LEARNED:]
    _planted(report, learned, fresh)
    count = 100 if chosen.quick else SAMPLES
    with tempfile.TemporaryDirectory() as folder:
        root, index = Path(folder), TrainingIndex.of(learned)
        _train(root / "teacher", learned, STEPS // 40 if chosen.quick else STEPS)
        index.save(root / "teacher" / INDEX)
        _row(report, "memorising teacher", load(root / "teacher"), fresh, count, steps=20)
        for target in ("end", "next"):
            few = {"trajectories": 1024, "passes": 1} if chosen.quick else {}
            config = DistillationConfig.model_validate({**DISTILLED, **few, "target": target})
            distill(root / "teacher", config, root / target, target, quiet=True)
            index.save(root / target / INDEX)
            for steps in (1, 2, 4):
                name = f"memorising student {target} {steps}"
                _row(report, name, load(root / target), fresh, count, steps=steps)


def _train(folder: Path, learned: Vectors, steps: int) -> None:
    """Train a perceptron on few samples, until it has learned them by heart."""
    torch.manual_seed(SEED)
    network = build(dict(NETWORK))
    labels = torch.zeros(len(learned), dtype=torch.long)
    source = Arrays(torch.from_numpy(learned), labels, (), "digits")
    config = TrainingConfig.model_validate(
        {"objective": "velocity", "seed": SEED, "steps": steps, "batch": BATCH, "save_every": steps}
    )
    trainer = Trainer(network, source, config, folder.with_name("state"))
    trainer.run(quiet=True)
    trainer.averaged()
    save(folder, CheckpointConfig(name="teacher", media="vector", network=NETWORK), network)


def _row(
    report: Report, name: str, model: Model, fresh: Vectors, count: int, **fields: Any
) -> None:
    """What the samples of a model are, by the number that is served with each."""
    score = ("straightness",) if model.card.family == "flow" else ("self_consistency",)
    samples = sample(model, count, SEED, scores=score, capacity=256, **fields)
    novelty = np.array([float(each.fields[NOVELTY]) for each in samples])
    found = Memorisation(novelty, np.zeros(0), 0)
    report.add(f"{name} copied", found.copied)
    report.add(f"{name} novelty", found.median)
    data = np.stack([each.data for each in samples])
    report.add(f"{name} energy", energy(data, fresh))


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
