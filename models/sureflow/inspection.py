"""Describes a checkpoint folder, and lists a folder of checkpoints."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from sureflow.checkpoint import CONFIG, CheckpointError, files_of, load, resolve
from sureflow.core.card import ModelCard
from sureflow.core.condition import described
from sureflow.folders import checkpoint_folders, embedded_folder

PICKLED = (".pt", ".pth", ".ckpt", ".bin", ".pkl")
"""Suffixes of files that may contain code as well as tensors; they are never read."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A checkpoint folder with its card, or with the error why it cannot be loaded."""

    folder: Path
    card: ModelCard | None
    error: str | None = None


def inspect(folder: str | Path) -> dict[str, Any]:
    """Load a checkpoint folder, or an embedded one by its name, and describe all that is in it.

    Returns:
        The fields of the card, ``folder``, ``files`` (bytes and SHA-256 by name) and ``tensors``
        (type and shape by file and name), as a JSON object.

    Raises:
        CheckpointError: It cannot be used; says why, and suggests what may have been meant.
    """
    path = _explained_path(folder)
    card = load(path).card
    files = [path / name for name in files_of(path)]
    there = [file for file in files if file.exists()]
    tensors = {file.name: _tensors(file) for file in there if file.suffix == ".safetensors"}
    return {
        **{name: value for name, value in asdict(card).items() if value is not None},
        "conditions": described(card),
        "folder": str(path),
        "files": {file.name: _file(file) for file in there},
        "tensors": tensors,
    }


def survey(root: str | Path | None = None) -> Iterator[Listed]:
    """Load every checkpoint folder in ``root``, by default the embedded ones, as a server does.

    Raises:
        CheckpointError: There is no such folder.
    """
    root = embedded_folder() if root is None else Path(root)
    if not root.is_dir():
        raise CheckpointError(f"{root}: no such folder")
    for folder in checkpoint_folders(root):
        try:
            card = load(folder).card
            check_name(folder, card)
        except Exception as error:  # a third-party network may raise anything
            yield Listed(folder, None, str(error) or type(error).__name__)
        else:
            yield Listed(folder, card)


def check_name(folder: Path, card: ModelCard) -> None:
    """Check that a model has the name of its folder, so that no two models have the same name.

    Raises:
        CheckpointError: It has another name.
    """
    if card.name != folder.name:
        raise CheckpointError(f"{folder}/{CONFIG}: name is {card.name!r}, unlike the folder")


def _explained_path(folder: str | Path) -> Path:
    """The folder, or an error that says what was found instead."""
    try:
        path = resolve(folder)
    except CheckpointError as error:
        if Path(folder).is_file():
            raise CheckpointError(f"{folder}: is a file; name the folder that it is in") from error
        names = ", ".join(path.name for path in checkpoint_folders(embedded_folder()))
        raise CheckpointError(f"{error}; embedded checkpoints are {names}") from error
    if (path / CONFIG).exists():
        return path
    if inner := [each.name for each in checkpoint_folders(path) if (each / CONFIG).exists()]:
        names = ", ".join(inner)
        raise CheckpointError(f"{path}: holds checkpoints and is none; name one of {names}")
    if pickled := sorted(file.name for file in path.iterdir() if file.suffix in PICKLED):
        raise CheckpointError(
            f"{path}: {pickled[0]} is never read, since it may hold code; save the state of the "
            f"network as safetensors, and see `sureflow fit --help` for networks of your own"
        )
    return path


def _file(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"bytes": file.stat().st_size, "sha256": digest}


def _tensors(file: Path) -> dict[str, Any]:
    with safe_open(file, "pt") as opened:
        slices = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118
        return {
            name: {"dtype": part.get_dtype(), "shape": list(part.get_shape())}
            for name, part in sorted(slices.items())
        }
