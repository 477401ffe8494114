"""The toy of Wei and Pearson (2026): two counts, each a Poisson with a gamma rate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from safetensors.numpy import save_file

from benchmarks.discrete import populations
from benchmarks.discrete.means import add_mean
from benchmarks.report import Report
from sureflow.checkpoint import load
from sureflow.core.arrays import Integers
from sureflow.model import Model
from sureflow.sampling.sample import sample
from sureflow.training.config import TrainConfig
from sureflow.training.run import train

SHAPES = ((60.0, 5.0), (60.0, 40.0))
"""Shapes of the gammas of both counts, of scale 1, in either half."""

COUNT, MOST, STEPS = 1000, 127, 4000
"""Pairs, the largest count of a model, and steps of its training."""

MIXED = {"dropout": 0.0, "parts": 4}
"""Terms of the law of a count, which has two peaks."""

PUBLISHED = 2.879, 0.380
"""Wasserstein-2 distance of the method as published, and its deviation."""

SAMPLERS = (("bridge", 15), ("tau", 15), ("unit", 200))
"""Samplers, each with its steps."""


def draw(count: int, seed: int) -> Integers:
    """So many pairs of counts, half of them of either kind, ``[count, 2]``."""
    random = np.random.default_rng(seed)
    shapes = np.array(SHAPES)[np.arange(count) % 2]
    found: Integers = random.poisson(random.gamma(shapes)).astype(np.int64)
    return found


def trained(data: Integers, seed: int, steps: int) -> Model:
    """A model of these pairs, from a source of Poisson's."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        save_file({"samples": data.astype(np.float32)}, root / "pairs.safetensors")
        network = {"kind": "count_mlp", "components": ["first", "second"], "most": MOST}
        training = {"objective": "counts", "seed": seed, "steps": steps, "batch": 64}
        config = TrainConfig.model_validate(
            {
                "name": "pairs",
                "family": "counts",
                "data": {"name": "file", "path": root / "pairs.safetensors"},
                "network": {**network, "mean": 40.0, "width": 64, "layers": 2, **MIXED},
                "training": {**training, "label_dropout": 0.0, "weight_decay": 0.01},
            }
        )
        train(config, root / "pairs", root / "runs", quiet=True)
        return load(root / "pairs")


def measure(report: Report, seeds: Sequence[int], steps: int) -> None:
    """Distances of samples from fresh pairs, and of the pairs of training from them."""
    data, fresh = draw(COUNT, 0), [draw(COUNT, 1000 + seed) for seed in seeds]
    width = populations.bandwidth(data)
    report.add("toy: seeds", len(seeds))
    models = [trained(data, seed, steps) for seed in seeds]
    floor = [populations.wasserstein(data, one) for one in fresh]
    add_mean(report, "toy: Wasserstein-2, training pairs", floor)
    add_mean(report, "toy: MMD, training pairs", [populations.mmd(data, z, width) for z in fresh])
    for method, count in SAMPLERS:
        made = [
            np.stack([one.data for one in drawn]).astype(np.int64)
            for drawn in (
                sample(model, COUNT, seed, capacity=256, method=method, steps=count)
                for model, seed in zip(models, seeds, strict=True)
            )
        ]
        pairs = [*zip(made, fresh, strict=True)]
        name = f"{method}:{count}"
        far = [populations.wasserstein(*pair) for pair in pairs]
        add_mean(report, f"toy: Wasserstein-2, {name}", far)
        add_mean(report, f"toy: MMD, {name}", [populations.mmd(*pair, width) for pair in pairs])
