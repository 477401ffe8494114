"""Our server beside a neighbour that takes the core for 5 s, on a simulated clock.

The real pool, loop, scheduler and sampler; only the time that a tick takes is made up. Every run is
held against the same requests without a neighbour. ``--docs`` writes the page.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from statistics import fmean

from benchmarks.report import machine, options
from benchmarks.simulate.asked import Seen
from benchmarks.simulate.beside import run
from benchmarks.simulate.machine import Neighbour

COMMAND = "python -m benchmarks.simulate.neighbour --docs docs/benchmarks"
BEGIN, END, BACK, LAST = 10.0, 15.0, 18.0, 40.0
PHASES = {
    "before": (0.0, BEGIN),
    "during": (BEGIN, END),
    "3 s after": (END, BACK),
    "later": (BACK, LAST),
}
"""Names of the times that are told apart, in seconds."""

HEAD = (
    *("load", "slowdown", "when", "goodput/s", "of undisturbed", "refused", "late", "hurried"),
    *("rows/tick", "refused more", "overlapping"),
)


def main() -> None:
    """Run the benchmark."""
    chosen = _options()
    lines = [_row(HEAD), "|" + "---:|" * len(HEAD)]
    print(lines[0])
    seeds = range(1, 2 if chosen.quick else chosen.seeds + 1)
    for load in chosen.loads:
        alone = [run(load, LAST, seed=seed) for seed in seeds]
        for slowdown in chosen.slowdowns:
            neighbour = Neighbour(BEGIN, END, slowdown)
            beside = [run(load, LAST, [neighbour], seed) for seed in seeds]
            for cells in _cells(alone, beside, neighbour):
                lines.append(_row((f"{load:g}", f"{slowdown:g}", *cells)))
                print(lines[-1], flush=True)
    if chosen.json:
        record = {"benchmark": "neighbour", "machine": machine(), "table": lines}
        chosen.json.write_text(json.dumps(record, indent=2) + "\n")
    if chosen.docs:
        (chosen.docs / "neighbour.md").write_text(_page(lines, len(seeds)))


def _options() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("--loads", type=float, nargs="+", default=[0.8, 1.2])
    parser.add_argument("--slowdowns", type=float, nargs="+", default=[2.0, 4.0, 20.0, 200.0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--docs", type=Path, metavar="FOLDER")
    return parser.parse_args()


def _cells(
    alone: Sequence[Seen], beside: Sequence[Seen], neighbour: Neighbour
) -> Iterator[tuple[str, ...]]:
    """What is printed of each phase; the last two columns are about all of them."""
    more = sum(each.refused for each in beside) - sum(each.refused for each in alone)
    overlapping = sum(asked.overlaps(neighbour) for each in beside for asked in each.asked)
    for name, span in PHASES.items():
        came = list(chain.from_iterable(each.came(*span) for each in beside))
        rows = list(chain.from_iterable(each.rows(*span) for each in beside))
        good = fmean(each.goodput(*span) for each in beside)
        yield (
            name,
            f"{good:.2f}",
            f"{good / fmean(each.goodput(*span) for each in alone):.3f}",
            _percent(each.refused for each in came),
            _percent(each.late for each in came),
            _percent(each.hurried for each in came),
            f"{fmean(rows):.2f}" if rows else "–",
            *((str(more), str(overlapping)) if span[0] == BACK else ("", "")),
        )


def _percent(which: Iterable[bool]) -> str:
    return f"{100 * fmean(which):.1f} %"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _page(lines: Sequence[str], seeds: int) -> str:
    text = f"""# A neighbour

Written by `{COMMAND}`: the real pool, loop,
scheduler and sampler on a simulated clock, on which a tick takes 10 ms and 4.5 ms per row, of which
it has 8 at most. The requests are those of the mix `few` of [serving](serving.md), with its
deadlines, in {seeds} draws of {LAST:g} s. From {BEGIN:g} s to {END:g} s a neighbour makes all of it
slower.

* *Of undisturbed* is the goodput over that of the same requests without the neighbour. The bar is
  95 % *from the third second on* after it has gone, in the rows *later*; *3 s after* are the three
  before that, in which what was accepted earlier is still to be made.
* *Refused more* are the requests refused beyond those of the runs without it; *overlapping* those
  that the neighbour had any part in, between their arrival and their deadline.
"""
    return text + "\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
