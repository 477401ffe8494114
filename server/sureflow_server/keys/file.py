"""The file of API keys: read whole, replaced whole, by one writer at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from stat import S_IWOTH
from tempfile import mkstemp
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from sureflow_server.keys.key import Key

MAX_BYTES = 16 << 20
"""Far more than any list of keys; what is larger is another file."""


class KeyFileError(Exception):
    """The file cannot be read, or is not what ``sureflow keys`` writes."""


class KeyFile(BaseModel):
    """What the JSON file holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    keys: tuple[Key, ...] = ()

    @field_validator("keys")
    @classmethod
    def _ids_differ(cls, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        if len({key.id for key in keys}) < len(keys):
            raise ValueError("two keys have the same id")
        return keys


def read(path: Path) -> tuple[Key, ...]:
    """Return the keys, oldest first.

    Raises:
        KeyFileError: There is no such file, others may write to it, or it holds something else.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & S_IWOTH:
                raise KeyFileError(f"{path}: everybody may write to it, and so make keys; chmod it")
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise KeyFileError(f"{path}: more than {MAX_BYTES} bytes are no list of keys")
    try:
        return KeyFile.model_validate_json(content).keys
    except ValidationError as error:
        raise KeyFileError(f"{path}: {complaint(error)}") from error


def complaint(error: ValidationError) -> str:
    """Return the first field that does not fit, if it is one, and why."""
    first = error.errors(include_url=False, include_input=False)[0]
    return ": ".join(filter(None, [".".join(map(str, first["loc"])), first["msg"]]))


@contextmanager
def changing(path: Path) -> Iterator[list[Key]]:
    """Yield the keys to be changed in place; they are written when the block ends well.

    Readers see the old list or the new one. Writers wait for each other. A missing file is an
    empty list.

    Raises:
        KeyFileError: See :func:`read`, or it could not be written.
    """
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise KeyFileError(f"{path.parent}: {error.strerror}") from error
    try:
        # The folder, since the file itself is replaced.
        flock(folder, LOCK_EX)
        keys = list(read(path)) if path.exists() else []
        yield keys
        _replace(path, KeyFile(keys=tuple(keys)), folder)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    finally:
        os.close(folder)


def _replace(path: Path, content: KeyFile, folder: int) -> None:
    """Write beside the file, readable for its owner alone, and rename."""
    descriptor, temporary = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content.model_dump_json(indent=2, exclude_none=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        os.fsync(folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
