"""From training data as an operator has them to an index of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from sureflow.training.arrays import Arrays, scaled
from sureflow.training.config import DataConfig, read_config
from sureflow.training.data import source_of
from sureflow.training_index import TrainingIndex


def index_of(path: Path, components: int | None = None) -> TrainingIndex:
    """Index a file of samples, or the data that a training configuration names.

    Raises:
        ValueError: They are not in memory as arrays, or will not do; names the field.
        OSError: A file cannot be read.
    """
    config = DataConfig.model_validate({"name": "file", "path": path})
    if path.suffix == ".toml":
        config = read_config(path).data
    source = source_of(config)
    if not isinstance(source, Arrays):
        raise ValueError(f"data.name: {config.name} is a law, and has no samples to be copied")
    samples = source.samples
    if samples.dtype == torch.uint8:
        samples = scaled(samples)
    found = np.asarray(samples.numpy(), np.float32)
    return TrainingIndex.of(found, components, source.description, config.first)
