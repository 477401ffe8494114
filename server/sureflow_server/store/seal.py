"""What tells the folder of payloads from any other that may come to lie in its place."""

from __future__ import annotations

import os
from pathlib import Path

NAME = "store"
"""Of the file in the folder that names the index which the payloads belong to."""


class Seal:
    """The mark of one index on the folder of its payloads.

    A folder that is gone, has been emptied or has been exchanged has no such mark, nor has what is
    seen in its place while a disk is not mounted. What it lacks is not lost, then, but elsewhere.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self.folder = folder
        self.number = number

    def place(self) -> None:
        """Mark the folder, and make it if there is none."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
        with open(os.open(self.folder / NAME, flags, 0o600), "w") as file:
            file.write(str(self.number))
            file.flush()
            os.fsync(file.fileno())

    def broken(self) -> str | None:
        """Return what is wrong with the folder; ``None`` if it is the one that was marked."""
        try:
            found = (self.folder / NAME).read_text(errors="replace")
        except OSError as error:
            if not self.folder.is_dir():
                return f"the folder {self.folder.name} is not there"
            reason = "has been emptied or exchanged" if _missing(error) else "cannot be read"
            return f"the folder {self.folder.name} {reason}"
        if found != str(self.number):
            return f"the folder {self.folder.name} is that of another index"
        return None


def _missing(error: OSError) -> bool:
    return isinstance(error, FileNotFoundError | NotADirectoryError)
