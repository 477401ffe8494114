"""Which files the payloads of a handle are in."""

from __future__ import annotations

from collections.abc import Mapping

from sureflow_server.store.handle import Handle

DELETED = ".deleted"


def recipe_file(id: str) -> str:
    """Return the name of the file of a recipe."""
    return f"{id}.recipe.safetensors"


def sample_file(id: str) -> str:
    """Return the name of the file of a finished sample."""
    return f"{id}.sample.safetensors"


def frame_file(id: str, step: int) -> str:
    """Return the name of the file of a key frame."""
    return f"{id}.frame-{step}.safetensors"


def deleted_file(id: str) -> str:
    """Return the name of the empty file that says of a handle that it was deleted."""
    return f"{id}{DELETED}"


def files_of(handle: Handle, frames: Mapping[int, bytes]) -> dict[str, bytes]:
    """Return the files of a handle with these frames."""
    return {
        recipe_file(handle.id): handle.recipe,
        sample_file(handle.id): handle.sample,
        **{frame_file(handle.id, step): data for step, data in frames.items()},
    }
