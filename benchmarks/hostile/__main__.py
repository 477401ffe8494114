"""Attacks a server in every way that is known: ``python -m benchmarks.hostile``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from benchmarks.hostile.catalogue import catalogue
from benchmarks.hostile.limit import Limit, limited
from benchmarks.hostile.page import table, write
from benchmarks.hostile.row import Row
from benchmarks.hostile.trial import trial

LIMIT_BYTES = 1 << 30
OFFENCES = 5


def main() -> int:
    """Run all of them, or some; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the small ones, in two minutes")
    parser.add_argument("--only", metavar="TEXT", default="", help="those with this in their name")
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="write the page here")
    options = parser.parse_args()
    rows: list[Row] = []
    with limited(LIMIT_BYTES) as limit:
        print(f"memory: {limit}", table([]), sep="\n", flush=True)
        for row in _rows(options.quick, options.only, limit):
            rows.append(row)
            print(
                table([row]).splitlines()[-1],
                *row.outcome.offences[:OFFENCES],
                sep="\n",
                flush=True,
            )
        if options.docs is not None:
            write(rows, limit, options.docs)
    return int(any(row.misses() for row in rows))


def _rows(quick: bool, only: str, limit: Limit) -> Iterator[Row]:
    for setup, attacks in catalogue(quick).items():
        if chosen := [attack for attack in attacks if only in attack.name]:
            yield from trial(setup, chosen, limit)


if __name__ == "__main__":
    raise SystemExit(main())
