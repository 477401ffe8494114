"""Weighs a server: ``python -m benchmarks.hostile.weigher PID LIMIT``.

A line for each time: when, twice, and the bytes that the process and all that descend from it take;
pages that several share are counted once, as a container would. Beyond the limit, if there is one,
it kills them all.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.descendants import descendants

EVERY_S = 0.2
SHARE = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def weight(pid: int) -> int:
    """Return the bytes of a process, its share of what is shared."""
    with suppress(OSError):
        found = SHARE.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
        return int(found[1]) * 1024 if found else 0
    return 0


def main() -> None:
    """Weigh until nobody reads what is said."""
    pid, limit = map(int, sys.argv[1:])
    while True:
        processes, now = descendants(pid), time.monotonic()
        total = sum(map(weight, processes))
        if limit and total > limit:
            for each in processes:
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
        print(now, now, total, flush=True)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
