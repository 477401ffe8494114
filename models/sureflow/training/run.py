"""Training runs from a configuration to a checkpoint folder."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sureflow.checkpoint import CheckpointConfig, load, read_config, save
from sureflow.core.engine import engine_of
from sureflow.device import usable
from sureflow.networks import FrozenVelocity, VelocityNetwork, build
from sureflow.training.config import TrainConfig
from sureflow.training.data import Source, source_of
from sureflow.training.fingerprint import fingerprint
from sureflow.training.record import trained
from sureflow.training.soundness import assess, check_finite
from sureflow.training.suited import suited
from sureflow.weights import read_weights

log = logging.getLogger(__name__)


def train(
    config: TrainConfig, out: Path, runs: Path, device: str = "cpu", quiet: bool = False
) -> None:
    """Train a network and write its checkpoint folder, ``out``, continuing an interrupted run.

    The training state is in a subfolder of ``runs``, and a run is continued only if config, code
    and data are as they were; see :mod:`sureflow.training.fingerprint`.

    Raises:
        ValueError: Network, data or objective are unknown or do not fit together.
        FileNotFoundError: The data is not installed.
        DeviceError: The device is unknown, or cannot be used here.
    """
    usable(device)
    torch.manual_seed(config.training.seed if config.training else 0)
    network: Any = engine_of(config.family).build(config.network)
    if isinstance(network, FrozenVelocity):
        raise ValueError("network.kind: a frozen network is not trained; use `sureflow fit`")
    source = source_of(config.data)
    if isinstance(network, VelocityNetwork):
        source = suited(source, network)
    record: dict[str, Any] | str = "none"
    if config.training is not None:
        state = runs / f"{config.name}-{_key(config, network, source)}"
        record = trained(network.to(device), source, config.training, state, quiet)
    if isinstance(network, VelocityNetwork):
        check_finite(network, source)
    save(out, _described(config, source, network, {"training": record}), network)


def fit(
    folder: Path,
    config: TrainConfig,
    runs: Path,
    device: str = "cpu",
    quiet: bool = False,
    weights: Path | None = None,
    force: bool = False,
) -> None:
    """Train the variance alone and write a checkpoint folder; the velocity keeps its bits.

    The velocity is that of the folder, or, of kind ``frozen``, a module with these ``weights``, a
    safetensors file. It is first compared with the data, see :mod:`sureflow.training.soundness`;
    with ``force`` another one is fitted too, after a warning. The training state is in ``runs``. A
    run continues only for the same config, velocity and data.

    Raises:
        ValueError: The config has no ``[variance]`` section, the network has no noise layer,
            network, weights and data do not fit together, or the network is not finite or has
            another convention; the message begins with the field.
        CheckpointError: The checkpoint cannot be used.
        DeviceError: The device is unknown, or cannot be used here.
    """
    usable(device)
    if config.variance is None:
        raise ValueError("variance: the config has no such section")
    torch.manual_seed(config.variance.seed)
    network = build(config.network)
    if not network.noise_parameters():
        raise ValueError("network.noise: no layer injects noise, so there is nothing to fit")
    source = suited(source_of(config.data), network)
    if weights is None:
        if isinstance(network, FrozenVelocity) and not folder.is_dir():
            message = f"a frozen network needs them, as there is no {folder} to refit"
            raise ValueError(f"weights: {message}")
        _take_velocity(network, load(folder).network)
        old = read_config(folder)
    else:
        _take_weights(network, weights)
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        old = _described(config, source, network, {"weights": f"sha256:{digest}"})
    network = network.to(device)
    check_finite(network, source)
    if reason := assess(network, source).problem:
        if not force:
            raise ValueError(f"network: {reason}; --force fits it all the same")
        log.warning("%s", reason)
    state = runs / f"{config.name}-variance-{_key(config, network, source)}"
    record = trained(network, source, config.variance, state, quiet)
    provenance = {**old.provenance, "variance": record}
    described = old.model_copy(update={"network": config.network, "provenance": provenance})
    save(folder, described, network)


def _key(config: TrainConfig, network: nn.Module, source: Source) -> str:
    return fingerprint(config.model_dump(mode="json"), network, source)


def _velocity(network: VelocityNetwork) -> dict[str, Tensor]:
    """All weights but those of the noise layers."""
    weights = network.state_dict().items()
    return {name: tensor for name, tensor in weights if not name.startswith("noise.")}


def _take_velocity(network: VelocityNetwork, trained: VelocityNetwork) -> None:
    missing, unexpected = network.load_state_dict(_velocity(trained), strict=False)
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


def _described(
    config: TrainConfig, source: Source, network: Any, record: dict[str, Any]
) -> CheckpointConfig:
    return CheckpointConfig(
        name=config.name,
        family=network.family,
        media="image" if len(network.shape) == 3 else "vector",
        classes=source.names,
        network=config.network,
        provenance={"data": source.description, **record},
    )
