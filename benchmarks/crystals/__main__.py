"""Judges drawn crystals: ``python -m benchmarks.crystals DRAWN --score NAME`` prints the figures.

``DRAWN`` is what :func:`benchmarks.crystals.drawn.save` wrote. A relaxation takes about a second.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.crystals.drawn import load
from benchmarks.crystals.judged import judge
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
    parser.add_argument("--second", action="store_true", help="judge by 7net, too")
    asked = parser.parse_args()
    drawn = [each for path in asked.drawn for each in load(path)]
    other = potential("7net") if asked.second else None
    chosen = drawn[:: max(len(drawn) // QUICK, 1)] if asked.quick else drawn
    judged = judge(chosen, shipped(), potential("chgnet"), other)
    report = Report("crystals")
    report.add("crystals", len(chosen))
    large = judged.where(judged.atoms >= FEWEST)
    for table, of in ((Table(judged, asked.score), "all"), (Table(large, asked.score), "n >= 3")):
        for part in (table.validity, table.energies, table.scores, table.filtered):
            for name, found in part():
                report.add(f"{of}: {name}", str(found))
    for name, reached in Table(judged, asked.score).bar().items():
        report.add(f"bar: {name}", "reached" if reached else "missed")
    report.write(asked.json)


if __name__ == "__main__":
    main()
