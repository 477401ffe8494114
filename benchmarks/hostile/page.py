"""The page that shows every class of attacks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.hostile.limit import Limit
from benchmarks.hostile.row import GROWTH, HEADER, STALL_S, Row
from benchmarks.hostile.sending import MOST_BYTES

PAGE = "hostile.md"

HEAD = """# Hostile requests

Written by `python -m benchmarks.hostile --docs docs/benchmarks`: a real server with `ring` alone
is attacked in one way after the other, over loopback, with a pause after each. Memory: {limit}.
{cores} cores, {load:.1f} processes that wanted one at the end.

Bars: `/health/live` is answered within {stall:.0f} ms more than the control takes, asked a hundred
times a second by a process of its own; refusals have at most {most:,} bytes; memory stays within
{growth} of what the idle server takes, and the bytes that the settings give to what is attacked;
the server does not end; and no answer of 500 and above comes that the OpenAPI document does not
speak of. `answers` says that there were others than those that the attack should get.

The control does nothing but answer such questions, and nobody attacks it: its longest stall, in
brackets, is what other processes of the machine do to all. Where only the stall is missed, the
attack is made again, at most twice, and the shortest counts: what an attack does, it does each
time. Memory is what no file backs, of all processes together, and what they share counted once; the
limit counts their share of files too. "Nothing" is the same server, asked for nothing.
"""


def table(rows: Sequence[Row]) -> str:
    """Return rows as a table in Markdown."""
    lines = [HEADER, ["---"] * len(HEADER), *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(rows: Sequence[Row], limit: Limit, folder: Path) -> None:
    """Write the page."""
    head = HEAD.format(
        limit=limit,
        cores=os.cpu_count(),
        load=os.getloadavg()[0],
        stall=1000 * STALL_S,
        most=MOST_BYTES,
        growth=GROWTH,
    )
    (folder / PAGE).write_text(f"{head}\n{table(rows)}\n")
