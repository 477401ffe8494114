"""Models trained without some of their classes, and the data that these left out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from sureflow.checkpoint import load
from sureflow.evaluation.ignorance import data_of, fit_laplace
from sureflow.families.flow.engine import LAPLACE
from sureflow.model import Model
from sureflow.training.arrays import Arrays, scaled
from sureflow.training.config import TrainConfig
from sureflow.training.data import RING_DEVIATION, RING_MODES, Ring
from sureflow.training.digits import DIGIT_NAMES, digits
from sureflow.training.run import train

RING_COUNT, DIGITS_COUNT = 40_000, 4500
"""Samples that there are to train on, those of the classes left out included."""

NETWORKS: dict[str, dict[str, Any]] = {
    "ring": {"kind": "mlp", "width": 128, "layers": 3, "embedding": 128},
    "digits": {"kind": "unet", "channels": [24, 48], "blocks": 1, "patch": 2},
}
TRAININGS: dict[str, dict[str, Any]] = {
    "ring": {"steps": 3000, "batch": 512, "learning_rate": 1e-3, "ema": 0.998},
    "digits": {
        "steps": 2000,
        "batch": 64,
        "learning_rate": 2e-3,
        "ema": 0.995,
        "weight_decay": 0.01,
        "precision": "bfloat16",
    },
}
QUICK_STEPS = 60


@dataclass(frozen=True)
class Unseen:
    """A model that is trained without some classes of its data, which it knows by label alone.

    Attributes:
        name: ``ring``, whose eight modes are classes, or ``digits``.
        seed: Of the training.
        held: Labels of the classes left out.
    """

    name: str
    seed: int
    held: tuple[int, ...]

    @property
    def title(self) -> str:
        """Name of the case, for tables."""
        return f"{self.name} without {' and '.join(map(str, self.held))}"

    @cached_property
    def _whole(self) -> tuple[Tensor, Tensor]:
        """Samples and labels of all classes; those after ``count`` are not trained on."""
        if self.name == "digits":
            images, labels = digits()
            return scaled(images), labels
        generator = torch.Generator().manual_seed(self.seed)
        labels = torch.arange(2 * RING_COUNT) % RING_MODES
        near = RING_DEVIATION * torch.randn(len(labels), 2, generator=generator)
        return Ring.centres()[labels] + near, labels

    @property
    def count(self) -> int:
        """Number of samples to train on, of all classes."""
        return DIGITS_COUNT if self.name == "digits" else RING_COUNT

    def _unknown(self, labels: Tensor) -> Tensor:
        return torch.isin(labels, torch.tensor(self.held))

    @property
    def known(self) -> Arrays:
        """What it is trained on."""
        samples, labels = (part[: self.count] for part in self._whole)
        chosen = ~self._unknown(labels)
        names = DIGIT_NAMES if self.name == "digits" else tuple(map(str, range(RING_MODES)))
        return Arrays(samples[chosen], labels[chosen], names, self.title)

    def fresh(self, most: int) -> tuple[Tensor, Tensor]:
        """Samples of all classes that it was not trained on, and which are of those left out."""
        samples, labels = (part[self.count :][:most] for part in self._whole)
        return samples, self._unknown(labels)

    def model(self, cache: Path, quick: bool) -> Model:
        """The trained model, which knows its data; minutes, unless it is in the cache."""
        title = f"{self.title.replace(' ', '-')}-{self.seed}" + "-quick" * quick
        folder, known = cache / title, self.known
        config = self._config(title, cache, quick)
        assert config.data.path is not None
        cache.mkdir(parents=True, exist_ok=True)
        save_file({"samples": known.samples, "labels": known.labels}, config.data.path)
        if not folder.is_dir():
            train(config, folder, cache / "unfinished", quiet=True)
        if not (folder / LAPLACE).exists():
            model = load(folder)
            source = data_of(model, config.data.path, cache)
            points = 2000 if quick else 20_000
            fit_laplace(model, source, points, quiet=True).save(folder / LAPLACE)
        return load(folder)

    def _config(self, title: str, cache: Path, quick: bool) -> TrainConfig:
        names = self.known.names
        shape = [*self.known.samples.shape[1:]]
        training = TRAININGS[self.name] | ({"steps": QUICK_STEPS} if quick else {})
        return TrainConfig.model_validate(
            {
                "name": title,
                "data": {
                    "name": "file",
                    "path": cache / f"{title}.safetensors",
                    "names": names,
                },
                "network": {**NETWORKS[self.name], "shape": shape, "classes": len(names)},
                "training": {"seed": self.seed, "warmup": 200, **training},
            }
        )
