"""Judges drawn crystals: ``python -m benchmarks.crystals DRAWN --score NAME`` prints the figures.

``DRAWN`` is what :mod:`benchmarks.crystals.collect` wrote. A relaxation takes about a second; with
``--judged FILE`` what was found is kept there, and a run that finds the file judges nothing anew.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from benchmarks.crystals.drawn import load
from benchmarks.crystals.judged import Judged, judge
from benchmarks.crystals.table import FEWEST, Table
from benchmarks.report import Report, options
from sureflow.evaluation.crystals.known import shipped
from sureflow.evaluation.crystals.potential import potential

QUICK = 20
"""Crystals that are judged with ``--quick``."""


def main() -> None:
    """Judge, and print the table: all atom numbers, then those that the bar is about."""
    parser = options(__doc__)
    parser.add_argument("drawn", type=Path, nargs="+", help="files of crystals")
    parser.add_argument("--score", required=True, help="the score that filters")
    parser.add_argument("--judged", type=Path, help="file of what was found, .npz")
    parser.add_argument("--second", action="store_true", help="judge by 7net, too")
    asked = parser.parse_args()
    judged = _judged(asked)
    report = Report("crystals")
    report.add("crystals", len(judged.atoms))
    large = judged.where(judged.atoms >= FEWEST)
    for table, of in ((Table(judged, asked.score), "all"), (Table(large, asked.score), "n >= 3")):
        for part in (table.validity, table.energies, table.scores, table.filtered):
            for name, found in part():
                report.add(f"{of}: {name}", str(found))
    for name, reached in Table(judged, asked.score).bar().items():
        report.add(f"bar: {name}", "reached" if reached else "missed")
    report.write(asked.json)


def _judged(asked: Namespace) -> Judged:
    if asked.judged is not None and asked.judged.exists():
        return Judged.load(asked.judged)
    drawn = [each for path in asked.drawn for each in load(path)]
    other = potential("7net") if asked.second else None
    chosen = drawn[:: max(len(drawn) // QUICK, 1)] if asked.quick else drawn
    judged = judge(chosen, shipped(), potential("chgnet"), other)
    if asked.judged is not None:
        judged.save(asked.judged)
    return judged


if __name__ == "__main__":
    main()
