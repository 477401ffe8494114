"""Scores against truth: mixtures whose every quantity is known, samples off the support, images."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report import Part, options, run_parts
from benchmarks.truth import (
    between,
    early,
    ending,
    foretelling,
    geometry,
    guidance,
    ignorance,
    images,
    mixtures,
    off_support,
    page,
    promises,
    removal,
    tail,
    tried,
    unconditional,
    uniform,
)

PARTS: dict[str, Part] = {
    "mixtures": lambda report, chosen: mixtures.measure(report, chosen.quick),
    "ending": lambda report, chosen: ending.measure(report, chosen.quick),
    "off-support": lambda report, chosen: off_support.measure(report, chosen.quick, chosen.cache),
    "divergence": lambda report, chosen: geometry.measure(report, chosen.quick),
    "digits": lambda report, chosen: images.measure(report, chosen.quick, chosen.docs, "digits"),
    "fashion": lambda report, chosen: images.measure(report, chosen.quick, chosen.docs, "fashion"),
    "tried": lambda report, chosen: tried.measure(report, chosen.quick),
    "uniform": lambda report, chosen: uniform.measure(report, chosen.quick),
    "between": lambda report, chosen: between.measure(report, chosen.quick),
    "ignorance": lambda report, chosen: ignorance.measure(report, chosen.quick, chosen.cache),
    "unconditional": lambda report, chosen: unconditional.measure(report, chosen.quick),
    "promises": lambda report, chosen: promises.measure(report, chosen.quick, chosen.cache),
    "early": lambda report, chosen: early.measure(report, chosen.quick),
    "foretelling": lambda report, chosen: foretelling.measure(report, chosen.quick, chosen.cache),
    "removal": lambda report, chosen: removal.measure(report, chosen.quick, chosen.docs),
    "guidance": lambda report, chosen: guidance.measure(report, chosen.quick),
    "tail": lambda report, chosen: tail.measure(report, chosen.quick),
}


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("runs/truth"),
        help="where networks and draws that take long lie",
    )
    run_parts("truth", parser, PARTS, page.write)


if __name__ == "__main__":
    main()
