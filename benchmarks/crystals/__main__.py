"""Crystals of compositions that were not trained on, judged by potentials.

A relaxation takes about a second; what potentials said is kept in a folder, and a run that finds it
there asks nothing anew.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.crystals import confidence, laboratory, page, reality
from benchmarks.report import Part, options, run_parts

PARTS: dict[str, Part] = {
    "confidence": lambda report, chosen: confidence.measure(
        report, chosen.quick, chosen.cache, chosen.relax, not chosen.only_chgnet
    ),
    "laboratory": lambda report, chosen: laboratory.measure(
        report, chosen.quick, chosen.cache, chosen.compositions, chosen.wanted
    ),
    "reality": lambda report, chosen: reality.measure(report, chosen.quick, chosen.cifs),
}


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/crystals"), help="where answers of potentials lie"
    )
    parser.add_argument(
        "--compositions",
        type=int,
        default=laboratory.COMPOSITIONS,
        help="how many are ordered over HTTP",
    )
    parser.add_argument(
        "--wanted", type=int, default=laboratory.WANTED, help="structures ordered of each of them"
    )
    parser.add_argument("--relax", type=int, help="crystals of each cell to relax; default: all")
    parser.add_argument("--only-chgnet", action="store_true", help="ask no second potential")
    parser.add_argument("--cifs", type=Path, help="folder of files of real crystals")
    run_parts("crystals", parser, PARTS, page.write)


if __name__ == "__main__":
    main()
