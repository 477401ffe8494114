"""The page that shows every figure of the benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.crystals import confidence, laboratory, reality

PAGE = "crystals.md"

HEAD = """# Crystals

Written by `python -m benchmarks.crystals --docs docs/benchmarks`{options}.
The model `crystals` and its scores as they are served; the judge is CHGNet 0.3.0, which also made
the training structures.
In brackets the interval in which 90 % of bootstrap draws over compositions lie. There is one
training; the seeds are those of the draws.
"""


def write(figures: dict[str, Any], folder: Path) -> None:
    """Write the page with the parts that have been measured."""
    asked = confidence.options(figures)
    parts = [HEAD.format(options=f" with `{asked}`" if asked else "")]
    if "all: crystals" in figures:
        parts += [confidence.fragment(figures)]
    if any(label.startswith("laboratory") for label in figures):
        parts += [laboratory.fragment(figures)]
    if "reality: compounds read" in figures:
        parts += [reality.fragment(figures)]
    (folder / PAGE).write_text("\n\n".join(part.rstrip("\n") for part in parts) + "\n")
