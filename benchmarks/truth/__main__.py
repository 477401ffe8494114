"""Scores against truth: mixtures whose every quantity is known, samples off the support, images."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.report import Report, options
from benchmarks.truth import (
    early,
    ending,
    geometry,
    images,
    mixtures,
    off_support,
    page,
    tried,
    uniform,
)

IMAGES = ("digits", "fashion")
PARTS = ("mixtures", "ending", "off-support", "divergence", *IMAGES, "tried", "uniform", "early")
RECORD = "truth.json"


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
    if arguments.part in (None, "divergence"):
        geometry.measure(report, arguments.quick)
    for model in IMAGES:
        if arguments.part in (None, model):
            images.measure(report, arguments.quick, arguments.docs, model)
    if arguments.part in (None, "tried"):
        tried.measure(report, arguments.quick)
    if arguments.part in (None, "uniform"):
        uniform.measure(report, arguments.quick)
    if arguments.part in (None, "early"):
        early.measure(report, arguments.quick)
    report.write(arguments.json)
    if arguments.docs:
        report.write(arguments.docs / RECORD)
        page.write(report.figures, arguments.docs)


if __name__ == "__main__":
    main()
