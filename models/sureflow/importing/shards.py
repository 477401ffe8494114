"""Finds the weights of a model's folder, in one file or in several that an index names."""

from __future__ import annotations

from pathlib import Path

from sureflow.importing.json_file import MAX_INDEX_BYTES, read_json, regular_file
from sureflow.importing.stored import Stored, tensors_in

DIFFUSERS, TRANSFORMERS = "diffusion_pytorch_model", "model"
"""What the names of files begin with that these packages write."""

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".msgpack", ".h5")
MOST_FILES = 1000


def find_weights(
    folder: Path, root: Path, variant: str | None = None, stem: str = DIFFUSERS
) -> dict[str, Stored]:
    """The tensors of a model's folder, by name.

    Args:
        folder: The folder with ``config.json`` and weights.
        root: The folder that no file may lie outside of.
        variant: The middle of the names of other weights beside the first, such as ``fp16``.
        stem: What the names of the files begin with.

    Raises:
        ValueError: There are none, or only ones that may hold code, or they are damaged; the
            message begins with the folder or the file.
    """
    middle = f".{variant}" if variant else ""
    whole = folder / f"{stem}{middle}.safetensors"
    index = folder / f"{stem}.safetensors.index{middle}.json"
    if _there(whole):
        return tensors_in(regular_file(whole, root))
    if _there(index):
        return sharded(index, root)
    return tensors_in(regular_file(_other(folder, variant, stem), root))


def _other(folder: Path, variant: str | None, stem: str) -> Path:
    """The only safetensors file of another name."""
    names = sorted(entry.name for entry in folder.iterdir())
    found = [name for name in names if name.endswith(".safetensors")]
    if variant is None and len(found) == 1:
        return folder / found[0]
    if found:
        has = f"has {', '.join(found[:6])}"
        raise ValueError(f"{folder}: {has}; name the variant to take, such as fp16")
    if pickle := pickled(folder):
        raise ValueError(
            f"{folder}: has its weights only as {pickle}, which may hold code and is never "
            "read; load the model where you trust it, and save it by "
            "save_pretrained(FOLDER, safe_serialization=True)"
        )
    raise ValueError(
        f"{folder}: has no weights; expected {stem}.safetensors, or an index of shards"
    )


def pickled(folder: Path) -> str | None:
    """The first file in a folder whose name says that it may hold code, if any."""
    return min(
        (each.name for each in folder.iterdir() if each.name.endswith(PICKLES)), default=None
    )


def sharded(index: Path, root: Path) -> dict[str, Stored]:
    """The tensors in the files that an index names, which lie beside it and inside ``root``.

    Raises:
        ValueError: The index or a file is missing, damaged or unsafe; the message begins with it.
    """
    places = read_json(index, root, MAX_INDEX_BYTES).get("weight_map")
    if not (isinstance(places, dict) and places):
        raise ValueError(f"{index}: weight_map: expected the file of every tensor by its name")
    files = sorted({str(name) for name in places.values()})
    if len(files) > MOST_FILES:
        raise ValueError(f"{index}: names {len(files)} files; at most {MOST_FILES} are read")
    shards = {name: tensors_in(_shard(index, name, root)) for name in files}
    for tensor, file in places.items():
        if tensor not in shards[file]:
            raise ValueError(f"{index}: {file} has no tensor {tensor}; download both again")
    held = {name for shard in shards.values() for name in shard}
    if extra := sorted(held - places.keys()):
        raise ValueError(f"{index}: leaves out tensor {extra[0]} of its files; download all again")
    return {tensor: shards[file][tensor] for tensor, file in places.items()}


def _shard(index: Path, name: str, root: Path) -> Path:
    path = index.parent / name
    if path.parent != index.parent or name in ("", ".", "..") or "\\" in name:
        raise ValueError(f"{index}: names {name!r}; expected files beside it")
    if not name.endswith(".safetensors"):
        raise ValueError(f"{index}: names {name!r}; only safetensors are read")
    if not _there(path):
        raise ValueError(f"{index}: the shard {name} is missing; download it too")
    return regular_file(path, root)


def _there(path: Path) -> bool:
    """Whether there is anything of that name, links that lead nowhere included."""
    return path.exists() or path.is_symlink()
