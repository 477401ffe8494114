"""Weighs a server: ``python -m benchmarks.hostile.weigher PID LIMIT``.

A line for each time: when, twice, and the bytes that the process and all that descend from it take
and that no file backs: the system cannot take them back, and other programs have no share in them.
Pages that several processes share are counted once. If they take more than the limit, where there
is one, with their share of files, it kills them all.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.descendants import descendants

EVERY_S = 0.2
SHARE = re.compile(r"^(Pss|Pss_Anon|Pss_Shmem):\s+(\d+) kB", re.MULTILINE)


class Weight(NamedTuple):
    """Bytes of processes; pages that several share are divided among them."""

    all: int = 0
    unbacked: int = 0
    """By no file."""


def weight(pid: int) -> Weight:
    """Return what a process takes; nothing if there is none."""
    with suppress(OSError):
        shares = dict(SHARE.findall(Path(f"/proc/{pid}/smaps_rollup").read_text()))
        every, *unbacked = (1024 * int(shares[name]) for name in ("Pss", "Pss_Anon", "Pss_Shmem"))
        return Weight(every, sum(unbacked))
    return Weight()


def main() -> None:
    """Weigh until nobody reads what is said."""
    pid, limit = map(int, sys.argv[1:])
    while True:
        processes, now = descendants(pid), time.monotonic()
        weights = [weight(each) for each in processes]
        if limit and sum(each.all for each in weights) > limit:
            for each in processes:
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
        print(now, now, sum(each.unbacked for each in weights), flush=True)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
