"""Says why a folder is no model, and where there may be one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

DEEPEST, MOST = 3, 200
"""Folders below a folder that are looked into: how deep, and how many in all."""

LISTED = 5
"""Entries of a folder that are named."""

ADAPTERS = ("adapter_config.json", "pytorch_lora_weights.safetensors", "pytorch_lora_weights.bin")


def said_of(folder: Path, marks: tuple[str, ...]) -> str:
    """What to do about a folder that has none of these files, each of which marks a model."""
    lacks = f"has neither {' nor '.join(marks)}"
    names = sorted(_names(folder))
    if any(name in names for name in ADAPTERS):
        return (
            f"{lacks}, but what an adapter (LoRA) changes in another model; load that one, "
            "fuse_lora() there, save it by save_pretrained(FOLDER), and import FOLDER"
        )
    for mark in marks:
        if found := next((inner for inner in _below(folder) if (inner / mark).is_file()), None):
            return f"{lacks}; {found} has {mark}: name that folder"
    if not names:
        return f"{lacks}: it is empty"
    more = ", ..." if len(names) > LISTED else ""
    return f"{lacks}, but {', '.join(names[:LISTED])}{more}; name another folder"


def _below(folder: Path) -> Iterator[Path]:
    """Folders in a folder, those further up first; links are not followed, so it ends."""
    level, left = [folder], MOST
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _folders(outer)][:left]
        left -= len(level)
        yield from level


def _folders(folder: Path) -> list[Path]:
    with suppress(OSError), os.scandir(folder) as entries:
        found = [each.name for each in entries if each.is_dir(follow_symlinks=False)]
        return [folder / name for name in sorted(found)]
    return []


def _names(folder: Path) -> list[str]:
    with suppress(OSError), os.scandir(folder) as entries:
        return [each.name for each in entries]
    return []
