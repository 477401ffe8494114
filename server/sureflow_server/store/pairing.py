"""Whether the index and the payloads that lie in a folder belong together."""

from __future__ import annotations

from pathlib import Path

from sureflow_server.store.errors import StoreDamagedError
from sureflow_server.store.files import Files
from sureflow_server.store.index import Index
from sureflow_server.store.payloads import recipe_file
from sureflow_server.store.seal import Seal


def refuse_without_index(path: Path, files: Files) -> None:
    """Return unless there are payloads and no index that says whose they are.

    Args:
        path: Of the index, which has not been opened yet.
        files: The payloads.

    Raises:
        StoreDamagedError: The index is not there, or is empty.
    """
    there = files.sizes()
    if there and not (path.exists() and path.stat().st_size):
        how = "is empty" if path.exists() else "is not there"
        raise StoreDamagedError(
            f"{path.name} {how}, while {files.folder.name} has {len(there)} files", path.parent
        )


def sealed(index: Index, files: Files) -> Seal:
    """Return the seal of the payloads, and place it where there is none with good reason.

    That is so in a new store, and in one of an earlier version, which placed none.

    Raises:
        StoreDamagedError: The payloads are not those of the index.
    """
    seal = Seal(files.folder, index.number)
    if (wrong := seal.broken()) is None:
        return seal
    there = files.sizes()
    known = {recipe_file(id) for id, *_ in index.payloads()}
    if not known & there.keys() and (known or there):
        raise StoreDamagedError(wrong, index.path.parent)
    seal.place()
    return seal
