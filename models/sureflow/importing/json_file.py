"""Reads JSON files and regular files of a folder that somebody else has made."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from sureflow.file_kind import json_text, kind_of_file

MAX_BYTES = 1 << 20
MAX_INDEX_BYTES = 32 << 20
DEEPEST = 16
SNAPSHOTS, BLOBS = "snapshots", "blobs"
"""Folders of a model in the cache of the Hugging Face hub: of its versions, which are folders of
links, and of the files that they lead to."""

LONGEST_NUMBER = 40


def regular_file(path: Path, root: Path) -> Path:
    """The real path of a regular file inside ``root``.

    Raises:
        ValueError: There is none, or it is a link out of ``root``; the message begins with it.
    """
    real = _inside(path, root)
    if real.is_dir():
        raise ValueError(f"{path}: is a folder; expected a file")
    if not real.is_file():
        raise ValueError(f"{path}: is no regular file, and is not read")
    return real


def inner_folder(path: Path, root: Path) -> Path:
    """The path of a folder inside ``root``.

    Raises:
        ValueError: There is none, or it is a link out of ``root``; the message begins with it.
    """
    if not _inside(path, root).is_dir():
        raise ValueError(f"{path}: is no folder")
    return path


def read_json(path: Path, root: Path, most: int = MAX_BYTES) -> dict[str, Any]:
    """Read an object from a JSON file inside ``root``; a byte-order mark is skipped.

    Raises:
        ValueError: It is missing, larger than ``most`` bytes, nested too deeply, no JSON, or no
            object; the message begins with the path.
    """
    real = regular_file(path, root)
    try:
        with real.open("rb") as file:
            written = file.read(most + 1)
        if len(written) > most:
            raise ValueError(f"larger than {most} bytes, which no such file is")
        found = _parsed(written)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        kind = kind_of_file(real)
        reason = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ValueError(f"{path}: {f'is {kind}' if kind else reason}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: expected a JSON object, not {type(found).__name__}")
    return found


def _inside(path: Path, root: Path) -> Path:
    try:
        if not path.exists():
            raise ValueError(f"{path}: no such file")
        real = path.resolve()
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from error
    home = root.resolve()
    if not (real.is_relative_to(home) or real.parent == _blobs(home)):
        raise ValueError(
            f"{path}: leads out of the folder, to {real}; copy the folder with `cp -rL`, "
            "so that it holds files and no links"
        )
    return real


def _blobs(root: Path) -> Path | None:
    """Where the files of a snapshot in the cache of the Hugging Face hub are, if it is one."""
    above = [root, *root.parents][:DEEPEST]
    snapshots = next((each for each in above if each.parent.name == SNAPSHOTS), None)
    return snapshots.parent.parent / BLOBS if snapshots else None


def _parsed(written: bytes) -> Any:
    found = json.loads(
        json_text(written), parse_constant=_refuse, parse_int=_whole, parse_float=_finite
    )
    _check_depth(found)
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError("half of a pair of surrogates in it stands alone") from error
    return found


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    if level:
        raise ValueError("is nested too deeply")


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        _refuse(f"{text[:LONGEST_NUMBER]}...")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse(text[:LONGEST_NUMBER])
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number that can be used")
