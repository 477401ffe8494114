"""How much memory a server may take, and who sees to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Limit:
    """What a server and all its processes may take together.

    Attributes:
        nbytes: Bytes of memory.
        group: Folder of a control group whose memory the kernel bounds; ``None`` if there can be
            none here. Then whoever weighs the server kills it beyond the limit.
    """

    nbytes: int
    group: Path | None

    @property
    def watched(self) -> int:
        """Bytes beyond which the one who weighs has to kill; 0 if the kernel does."""
        return 0 if self.group else self.nbytes

    def enter(self) -> None:
        """Put this process, and so all that descend from it, under the limit."""
        if self.group is not None:
            (self.group / "cgroup.procs").write_text(str(os.getpid()))

    def __str__(self) -> str:
        if self.group is not None:
            return f"{self.nbytes >> 20} MiB, by a control group (v2)"
        return f"{self.nbytes >> 20} MiB, by a process that adds up what all others take (PSS)"


@contextmanager
def limited(nbytes: int, groups: Path = GROUPS, own: Path = OWN) -> Iterator[Limit]:
    """Make a limit; its control group is gone afterwards."""
    group = _made(nbytes, groups, own)
    try:
        yield Limit(nbytes, group)
    finally:
        if group is not None:
            with suppress(OSError):
                group.rmdir()


def _made(nbytes: int, groups: Path, own: Path) -> Path | None:
    """A group beside the own one, where this may be done; below one with processes is none."""
    if not (groups / "cgroup.controllers").is_file():
        return None
    where = own.read_text().rpartition("0::/")[2].strip()
    group = (groups / where).parent / f"sureflow-hostile-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.max").write_text(str(nbytes))
        (group / "memory.swap.max").write_text("0")
    except OSError:
        with suppress(OSError):
            group.rmdir()
        return None
    return group
