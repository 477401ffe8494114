"""Rewinding: where samples change, what edits save and make better, what can be inverted."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.report import Report, options
from benchmarks.rewind import images, jumps, page, ring

PARTS: dict[str, Callable[[Report, bool, Path | None], None]] = {
    "ring": ring.measure,
    "jumps": jumps.measure,
    "digits": partial(images.measure, name="digits"),
    "fashion": partial(images.measure, name="fashion"),
}
"""By name: called with the report, whether to be quick, and the folder for pictures."""

RECORD = "rewind.json"


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
    arguments = parser.parse_args()
    report = Report("rewind")
    if arguments.docs and (arguments.docs / RECORD).exists():
        report.figures.update(json.loads((arguments.docs / RECORD).read_text())["figures"])
    for name, measure in PARTS.items():
        if arguments.part in (None, name):
            measure(report, arguments.quick, arguments.docs)
    report.write(arguments.json)
    if arguments.docs:
        report.write(arguments.docs / RECORD)
        page.write(report.figures, arguments.docs)


if __name__ == "__main__":
    main()
