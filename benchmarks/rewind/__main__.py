"""Rewinding: where samples change, what edits save and make better, what can be inverted."""

from __future__ import annotations

from benchmarks.report import Part, options, run_parts
from benchmarks.rewind import images, jumps, page, ring

PARTS: dict[str, Part] = {
    "ring": lambda report, chosen: ring.measure(report, chosen.quick, chosen.docs),
    "jumps": lambda report, chosen: jumps.measure(report, chosen.quick, chosen.docs),
    "digits": lambda report, chosen: images.measure(report, chosen.quick, chosen.docs, "digits"),
    "fashion": lambda report, chosen: images.measure(report, chosen.quick, chosen.docs, "fashion"),
}


def main() -> None:
    """Run the benchmark."""
    run_parts("rewind", options(__doc__), PARTS, page.write)


if __name__ == "__main__":
    main()
