"""Scores against truth: mixtures whose every quantity is known, and samples off the support."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.report import Report, options
from benchmarks.truth import ending, mixtures, off_support

PARTS = ("mixtures", "ending", "off-support")
RECORD = "truth-mixtures.json"


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--part", choices=PARTS, help="only this one")
    parser.add_argument(
        "--docs",
        type=Path,
        metavar="FOLDER",
        help="write the figures here; keeps those of parts that do not run",
    )
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/truth"), help="where the ensemble's networks lie"
    )
    arguments = parser.parse_args()
    report = Report("truth")
    if arguments.docs and (arguments.docs / RECORD).exists():
        report.figures.update(json.loads((arguments.docs / RECORD).read_text())["figures"])
    if arguments.part in (None, "mixtures"):
        mixtures.measure(report, arguments.quick)
    if arguments.part in (None, "ending"):
        ending.measure(report, arguments.quick)
    if arguments.part in (None, "off-support"):
        off_support.measure(report, arguments.quick, arguments.cache)
    report.write(arguments.json)
    if arguments.docs:
        report.write(arguments.docs / RECORD)


if __name__ == "__main__":
    main()
