"""Training runs and their records, for the provenance of a checkpoint."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sureflow.training.config import TrainingConfig
from sureflow.training.data import Source
from sureflow.training.trainer import Trainer


def trained(
    network: nn.Module, source: Source, config: TrainingConfig, folder: Path, quiet: bool
) -> dict[str, Any]:
    """Train, load the averaged weights, and return the record; the state is in the folder."""
    trainer = Trainer(network, source, config, folder)
    trainer.run(quiet)
    trainer.averaged()
    return {
        **config.model_dump(),
        "samples_seen": trainer.step * config.batch,
        "seconds": round(trainer.seconds),
        "final_loss": round(trainer.recent_loss(), 5),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "torch": torch.__version__,
        "commit": commit(),
    }


def commit() -> str | None:
    """The commit of the source tree, if it is a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
