"""The page that shows every figure of the benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.rewind import images, jumps, ring

PAGE = "rewind.md"

HEAD = """# Rewinding

Written by `python -m benchmarks.rewind --docs docs/benchmarks`, by the edits that are served.
"""


def write(figures: dict[str, Any], folder: Path) -> None:
    """Write the page with the parts that have been measured."""
    parts = [HEAD]
    if any(label.startswith("ring") for label in figures):
        parts += [ring.fragment(figures)]
    if any(label.startswith("jump") for label in figures):
        parts += [jumps.fragment(figures)]
    for name in images.MODELS:
        if f"{name}: samples" in figures:
            parts += [images.fragment(figures, name)]
    (folder / PAGE).write_text("\n\n".join(part.strip() for part in parts) + "\n")
