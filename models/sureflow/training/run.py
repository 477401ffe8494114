"""Training runs from a configuration to a checkpoint folder."""

from __future__ import annotations

import hashlib
import logging
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from sureflow.checkpoint import (
    CheckpointConfig,
    load,
    read_config,
    save,
)
from sureflow.learned import digest_of
from sureflow.networks import FrozenVelocity, VelocityNetwork, build
from sureflow.training.config import TrainConfig, TrainingConfig
from sureflow.training.data import Source, Unlabelled, source_of
from sureflow.training.soundness import check_finite, convention_problem
from sureflow.training.trainer import Trainer
from sureflow.weights import read_weights

log = logging.getLogger(__name__)


def train(
    config: TrainConfig, out: Path, runs: Path, device: str = "cpu", quiet: bool = False
) -> None:
    """Train a network and write its checkpoint, continuing an interrupted run.

    Args:
        config: The configuration.
        out: Checkpoint folder to write.
        runs: Where the training state lives, in a subfolder named after the config.
        device: Where to train.
        quiet: No progress bar.

    Raises:
        ValueError: Network, data or objective are unknown or do not fit together.
        FileNotFoundError: The data is not installed.
    """
    torch.manual_seed(config.training.seed if config.training else 0)
    network = build(config.network)
    if isinstance(network, FrozenVelocity):
        raise ValueError("network.kind: a frozen network is not trained; use `sureflow fit`")
    source = _source(config, network)
    record: dict[str, Any] | str = "none"
    if config.training is not None:
        network = network.to(device)
        record = _run(network, source, config.training, runs / config.name, quiet)
    check_finite(network, source)
    save(out, _described(config, source, {"training": record}), network)


def fit(
    folder: Path,
    config: TrainConfig,
    runs: Path,
    device: str = "cpu",
    quiet: bool = False,
    weights: Path | None = None,
    force: bool = False,
) -> None:
    """Train the variance alone; the velocity keeps its bits.

    The velocity is first compared with the data; see :mod:`sureflow.training.soundness`.

    Args:
        folder: Checkpoint folder to write. Without ``weights``, the velocity is taken from it.
        config: With a ``[variance]`` section.
        runs: Where the training state lives. A run continues only for the same config and velocity.
        device: Where to train.
        quiet: No progress bar.
        weights: Weights of the module that a network of kind ``frozen`` wraps, as safetensors.
        force: Fit a network that is not a velocity of the data too, after a warning.

    Raises:
        ValueError: The config has no ``[variance]`` section, the network has no noise layer,
            network, weights and data do not fit together, or the network is not finite or has
            another convention; the message begins with the field.
        CheckpointError: The checkpoint cannot be used.
    """
    if config.variance is None:
        raise ValueError("variance: the config has no such section")
    torch.manual_seed(config.variance.seed)
    network = build(config.network)
    if not network.noise_parameters():
        raise ValueError("network.noise: no layer injects noise, so there is nothing to fit")
    source = _source(config, network)
    if weights is None:
        _take_velocity(network, load(_existing(folder, network)).network)
        old = read_config(folder)
    else:
        _take_weights(network, weights)
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        old = _described(config, source, {"weights": f"sha256:{digest}"})
    network = network.to(device)
    _check(network, source, force)
    state = runs / f"{config.name}-variance-{_fingerprint(config, network)}"
    record = _run(network, source, config.variance, state, quiet)
    provenance = {**old.provenance, "variance": record}
    described = old.model_copy(update={"network": config.network, "provenance": provenance})
    save(folder, described, network)


def _source(config: TrainConfig, network: VelocityNetwork) -> Source:
    """Open the data of the config, and check that it fits the network."""
    source = source_of(config.data)
    shape = tuple(source.draw(1, torch.Generator().manual_seed(0))[0].shape[1:])
    if shape != network.shape:
        raise ValueError(
            f"data: samples have shape {[*shape]}, but the network has {[*network.shape]}"
        )
    if not network.classes:
        return Unlabelled(source)
    if len(source.names) != network.classes:
        raise ValueError(
            f"data: has {len(source.names)} classes, but network.classes is {network.classes}"
        )
    return source


def _existing(folder: Path, network: VelocityNetwork) -> Path:
    if isinstance(network, FrozenVelocity) and not folder.is_dir():
        raise ValueError(f"weights: a frozen network needs them, as there is no {folder} to refit")
    return folder


def _take_velocity(network: VelocityNetwork, velocity: VelocityNetwork) -> None:
    """Copy all weights but those of the noise layers."""
    weights = {
        name: tensor
        for name, tensor in velocity.state_dict().items()
        if not name.startswith("noise.")
    }
    missing, unexpected = network.load_state_dict(weights, strict=False)
    foreign = [name for name in missing if not name.startswith("noise.")] + unexpected
    if foreign:
        raise ValueError(f"network: does not fit the checkpoint, see {foreign[:3]}")


def _take_weights(network: VelocityNetwork, path: Path) -> None:
    if not isinstance(network, FrozenVelocity):
        raise ValueError("weights: only a network of kind 'frozen' takes them")
    try:
        network.network.load_state_dict(read_weights(path, network.network.state_dict()))
    except ValueError as error:
        raise ValueError(f"weights: {path}: {error}") from error
    network.verify()


def _check(network: VelocityNetwork, source: Source, force: bool) -> None:
    check_finite(network, source)
    reason = convention_problem(network, source)
    if reason is not None and not force:
        raise ValueError(f"network: {reason}; --force fits it all the same")
    if reason is not None:
        log.warning("%s", reason)


def _fingerprint(config: TrainConfig, network: VelocityNetwork) -> str:
    """Identifies the config and the frozen weights."""
    frozen = {k: z for k, z in network.state_dict().items() if not k.startswith("noise.")}
    return digest_of(config.model_dump(mode="json"), frozen).removeprefix("sha256:")[:12]


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
        classes=source.names,
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
