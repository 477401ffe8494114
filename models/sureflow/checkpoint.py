"""Checkpoints: a folder with ``config.json``, ``model.safetensors``, and files learned from them.

Only JSON and safetensors are ever read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import save_file
from torch import nn

from sureflow.confidence.calibration import Calibration
from sureflow.core.card import ModelCard
from sureflow.core.engine import Engine, engine_of
from sureflow.core.execution import Compile, Precision
from sureflow.core.model_name import ModelName
from sureflow.core.provenance import complaint
from sureflow.device import usable
from sureflow.file_kind import json_text, kind_of_file
from sureflow.folders import embedded_folder
from sureflow.learned import CALIBRATION as CALIBRATION
from sureflow.learned import Learned, digest_of
from sureflow.model import Model
from sureflow.numerics import describe
from sureflow.regular_file import read_regular
from sureflow.training_index import INDEX, TrainingIndex
from sureflow.weights import read_weights

CONFIG, WEIGHTS = "config.json", "model.safetensors"
MAX_CONFIG_BYTES = 1 << 20
PART_BYTES = 1 << 20

LONGEST = 1000
"""Most characters of an error message."""


class CheckpointError(Exception):
    """A checkpoint folder cannot be used; the message names the folder, the file and the reason."""

    def __init__(self, message: str) -> None:
        # The message may quote the contents of a file, of any length.
        super().__init__(message if len(message) <= LONGEST else f"{message[:LONGEST]}...")


class CheckpointConfig(BaseModel):
    """The contents of ``config.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    family: str = "flow"
    name: ModelName
    media: Literal["image", "vector"]
    classes: tuple[str, ...] = ()
    network: dict[str, Any]
    provenance: dict[str, Any] = {}


def resolve(folder: str | Path) -> Path:
    """The folder, or the embedded checkpoint of that name if there is no such folder.

    Raises:
        CheckpointError: There is neither.
    """
    folder = Path(folder)
    if not folder.is_dir() and len(folder.parts) == 1:
        folder = embedded_folder() / folder
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder")
    return folder


def load(
    folder: str | Path,
    device: str | torch.device = "cpu",
    *,
    precision: Precision = "float32",
    compile: Compile = "off",
) -> Model:
    """Load a checkpoint folder, or an embedded checkpoint by its bare name.

    The model's version covers everything that changes the bytes of samples. Files that were learned
    from another network are ignored; the card's ``warnings`` and the log name them.

    Args:
        folder: The folder, or the name.
        device: Where to run it: ``cpu``, ``cuda``, or a GPU by its number, ``cuda:1``.
        precision: For ``bfloat16`` see :class:`~sureflow.networks.precision.Bfloat16`. Networks
            without weights stay as they are.
        compile: How to run it; see :func:`~sureflow.sampling.compiled.compiled`.

    Raises:
        CheckpointError: A part of it is missing, damaged or does not fit; the message names it.
        ValueError: The precision is unknown.
        DeviceError: The device is unknown, or cannot be used here; see
            :func:`sureflow.device.usable`.
    """
    device = usable(device)
    if precision not in get_args(Precision):
        raise ValueError(f"precision: {precision!r} is unknown; choose from {get_args(Precision)}")
    folder = resolve(folder)
    config = read_config(folder)
    engine, files = _engine(folder, config), [folder / name for name in files_of(folder)]
    states = [*map(_state, files)]
    network = _network(folder, config, engine)
    digest = digest_of(config.network, network.state_dict())
    network = network.to(device)
    with _naming(f"{folder}/"):
        learned = Learned.read(folder, engine.learned, digest)
        engine.attach(network, learned.parts)
    calibration, classes = learned.calibration, config.classes
    index = _index(folder)
    _check_classes(folder, classes, network, calibration)
    version, parameters = version_of(folder), sum(p.numel() for p in network.parameters())
    if [*map(_state, files)] != states:
        raise CheckpointError(f"{folder}: changed while it was read; replace it as a whole")
    network = network.eval().requires_grad_(False)
    if precision == "bfloat16":
        with _naming(f"{folder}: "):
            rounded = engine.rounded(network)
        if rounded is not None:
            network, version = rounded.eval(), f"{version}+{precision}"
    if compile != "off":
        with _naming(f"{folder}: "):
            engine.prepare(network, compile)
    if compile == "compile":
        version += "+compile"
    numerics = describe()
    if numerics["portable"]:
        version += "+portable"
    card = ModelCard(
        name=config.name,
        version=version,
        media=config.media,
        classes=classes,
        parameters=parameters,
        calibration_version="" if calibration is None else calibration.version,
        calibrated={} if calibration is None else calibration.summary(),
        provenance=config.provenance,
        family=config.family,
        warnings=(*learned.warnings, *_doubts(config)),
        numerics=numerics,
        indexed={} if index is None else index.settings,
        **engine.facts(network, learned.parts),
    )
    # Otherwise listing any model would fail.
    with _naming(f"{folder}: its card cannot be written as JSON: "):
        json.dumps(asdict(card), allow_nan=False, ensure_ascii=False).encode()
    grid = learned.parts.get("grid")
    return Model(card, network, calibration, grid, compile, learned.digests, index)


@contextmanager
def _naming(prefix: str) -> Iterator[None]:
    """Raise a :class:`CheckpointError` whose message begins with a prefix, instead of another."""
    try:
        yield
    except (ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{prefix}{error}") from error


def _index(folder: Path) -> TrainingIndex | None:
    path = folder / INDEX
    if not path.exists():
        return None
    with _naming(f"{path}: "):
        return TrainingIndex.load(path)


def _doubts(config: CheckpointConfig) -> list[str]:
    """What speaks against a network that was imported all the same."""
    doubt = config.provenance.get("doubt")
    return [f"{CONFIG}: {doubt}"] if doubt else []


def _engine(folder: Path, config: CheckpointConfig) -> type[Engine]:
    with _naming(f"{folder / CONFIG}: "):
        return engine_of(config.family)


def _check_classes(
    folder: Path, classes: tuple[str, ...], network: Any, calibration: Calibration | None
) -> None:
    """Check that config, network and calibration have the same number of classes."""
    named, known = len(classes), getattr(network, "classes", len(classes))
    if known != named:
        raise CheckpointError(f"{folder}/{CONFIG}: classes names {named}, the network has {known}")
    if calibration is not None and calibration.classes != known:
        tables = f"has tables for {calibration.classes} classes, not {known}"
        raise CheckpointError(f"{folder}/{CALIBRATION}: {tables}")


def save(
    folder: Path,
    config: CheckpointConfig,
    network: nn.Module,
    stored: torch.dtype | None = None,
) -> None:
    """Write a checkpoint. Files learned from an earlier network in the folder are removed.

    Weights are ``stored`` in their own type, or in this one if it is given; their values must be
    exact in it, or the network that is loaded is another one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Copied, because safetensors accepts neither tied weights nor other memory formats.
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in network.state_dict().items()
    }
    if stored is not None:
        tensors = {
            name: tensor.to(stored) if tensor.is_floating_point() else tensor
            for name, tensor in tensors.items()
        }
    save_file(tensors, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)
    (folder / CONFIG).write_text(config.model_dump_json(indent=2) + "\n")
    for outdated in files_of(folder)[2:-1]:
        (folder / outdated).unlink(missing_ok=True)


def read_config(folder: Path) -> CheckpointConfig:
    """Read and check ``config.json``.

    Raises:
        CheckpointError: It is missing, too large, not JSON, or a field is wrong; names the field.
    """
    path = folder / CONFIG
    try:
        written = read_regular(path, MAX_CONFIG_BYTES)
        return CheckpointConfig.model_validate_json(json_text(written))
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        reason = complaint(error) if isinstance(error, ValidationError) else str(error)
        kind = kind_of_file(path) if path.is_file() else None
        raise CheckpointError(f"{path}: {f'is {kind}' if kind else reason}") from error


def files_of(folder: Path) -> list[str]:
    """Names of the files that a checkpoint may have; the first two it must have.

    Raises:
        CheckpointError: Its configuration cannot be read.
    """
    learned = _engine(folder, read_config(folder)).learned
    return [CONFIG, WEIGHTS, CALIBRATION, *(each.file for each in learned), INDEX]


def version_of(folder: Path) -> str:
    """``sha256:`` over the names and contents of the files that decide on the bytes of samples."""
    digest, learned = hashlib.sha256(), _engine(folder, read_config(folder)).learned
    names = [CONFIG, WEIGHTS, *(each.file for each in learned if each.decides)]
    for path in (folder / name for name in names):
        if path.exists():
            digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
            with path.open("rb") as file:
                while part := file.read(PART_BYTES):
                    digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def _state(file: Path) -> tuple[int, int, int] | None:
    """Inode, size and modification time, to notice that a file was replaced or written."""
    with suppress(OSError):
        status = file.stat()
        return status.st_ino, status.st_size, status.st_mtime_ns
    return None


def _network(folder: Path, config: CheckpointConfig, engine: type[Engine]) -> nn.Module:
    with _naming(f"{folder / CONFIG}: "):
        state = engine.state(config.network)
        with _naming(f"{folder / WEIGHTS}: "):
            tensors = read_weights(folder / WEIGHTS, state)
        network = engine.build(config.network)
        network.load_state_dict(tensors)
    return network
