"""Training runs from a configuration to a checkpoint folder."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from sureflow.checkpoint import CheckpointConfig, load, read_config, save
from sureflow.networks import VelocityNetwork, build
from sureflow.training.config import TrainConfig, TrainingConfig
from sureflow.training.data import Source, source_of
from sureflow.training.trainer import Trainer


def train(
    config: TrainConfig, out: Path, runs: Path, device: str = "cpu", quiet: bool = False
) -> None:
    """Train a network and write its checkpoint, continuing an interrupted run.

    Args:
        config: What to train on what.
        out: Checkpoint folder to write.
        runs: Where the training state lives, in a subfolder named after the config.
        device: Where to train.
        quiet: No progress bar.

    Raises:
        ValueError: Network, data or objective are unknown or do not fit together.
        FileNotFoundError: The data is not installed.
    """
    source = source_of(config.data)
    if config.training is None:
        save(out, _described(config, source, {"training": "none"}), build(config.network))
        return
    torch.manual_seed(config.training.seed)
    network = build(config.network).to(device)
    record = _run(network, source, config.training, runs / config.name, quiet)
    save(out, _described(config, source, {"training": record}), network)


def fit(
    folder: Path, config: TrainConfig, runs: Path, device: str = "cpu", quiet: bool = False
) -> None:
    """Train the variance alone of the checkpoint in ``folder``; its velocity stays bitwise as is.

    Raises:
        ValueError: The config has no ``[variance]`` section, or the network no noise layer.
        CheckpointError: The checkpoint cannot be used.
    """
    if config.variance is None:
        raise ValueError("variance: the config has no such section")
    loaded = load(folder, device)
    network = _with_noise_of(config, loaded.network).to(device)
    if not network.noise_parameters():
        raise ValueError("network.noise: no layer injects noise, so there is nothing to fit")
    source = source_of(config.data)
    record = _run(network, source, config.variance, runs / f"{config.name}-variance", quiet)
    old = read_config(folder)
    provenance = {**old.provenance, "variance": record}
    described = old.model_copy(update={"network": config.network, "provenance": provenance})
    save(folder, described, network)


def _with_noise_of(config: TrainConfig, velocity: VelocityNetwork) -> VelocityNetwork:
    """A network as configured, its noise layers fresh, everything else taken over."""
    torch.manual_seed(config.variance.seed if config.variance else 0)
    network = build(config.network)
    weights = {
        name: tensor
        for name, tensor in velocity.state_dict().items()
        if not name.startswith("noise.")
    }
    missing, unexpected = network.load_state_dict(weights, strict=False)
    foreign = [name for name in missing if not name.startswith("noise.")] + unexpected
    if foreign:
        raise ValueError(f"network: does not fit the checkpoint, see {foreign[:3]}")
    return network


def _run(
    network: VelocityNetwork, source: Source, config: TrainingConfig, folder: Path, quiet: bool
) -> dict[str, Any]:
    """Train, load the averaged weights, and return the record for the provenance."""
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
        "commit": _commit(),
    }


def _described(config: TrainConfig, source: Source, record: dict[str, Any]) -> CheckpointConfig:
    return CheckpointConfig(
        name=config.name,
        media="image" if source.media == "image" else "vector",
        classes=source.names if build(config.network).classes else (),
        network=config.network,
        provenance={"data": source.description, **record},
    )


def _commit() -> str | None:
    """The commit of the source tree, if it is a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return found.stdout.strip() if found.returncode == 0 else None
