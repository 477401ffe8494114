"""Models of other packages, served as they are: the same samples, in how many lines, at what cost.

Every model is trained for about a minute on digits of 8 by 8 pixels. A package that is not
installed is left out; its earlier figures stay.
"""

from __future__ import annotations

import warnings
from pathlib import Path

from benchmarks.foreign import page, scores, table
from benchmarks.report import Part, options, run_parts

PARTS: dict[str, Part] = {
    "table": lambda report, chosen: table.measure(
        report, chosen.quick, chosen.work.resolve(), chosen.only, not chosen.untimed
    ),
    "scores": lambda report, chosen: scores.measure(report, chosen.quick, chosen.work.resolve()),
}


def main() -> None:
    """Run the benchmark."""
    warnings.simplefilter("ignore")
    parser = options(__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="of the table: these models")
    parser.add_argument(
        "--untimed", action="store_true", help="of the table: keep the times, on a busy machine"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("runs/foreign"), help="where models are trained and kept"
    )
    run_parts("foreign", parser, PARTS, page.write)


if __name__ == "__main__":
    main()
