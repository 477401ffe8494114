"""Options, table and JSON that every benchmark shares."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch


@dataclass
class Report:
    """Figures of one run: printed as a table, written as JSON."""

    name: str
    figures: dict[str, Any] = field(default_factory=dict)

    def add(self, label: str, value: float | int | str, unit: str = "") -> None:
        """Print one figure and keep it."""
        shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        print(f"{label:<58}{shown:>12} {unit}".rstrip(), flush=True)
        self.figures[label] = value

    def write(self, path: Path | None) -> None:
        """Write the figures for machines, if a file was asked for."""
        if path is not None:
            record = {"benchmark": self.name, "machine": machine(), "figures": self.figures}
            path.write_text(json.dumps(record, indent=2) + "\n")


def options(description: str | None) -> argparse.ArgumentParser:
    """The parser every benchmark starts from; sets one torch thread, as workers have."""
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="finish within a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    return parser


Part = Callable[[Report, argparse.Namespace], None]
"""Measures a part of a benchmark, under the options that were given."""


def run_parts(
    name: str,
    parser: argparse.ArgumentParser,
    parts: Mapping[str, Part],
    page: Callable[[dict[str, Any], Path], None],
) -> None:
    """Run a benchmark of several parts, or one of them, as its command line has it.

    Args:
        name: Of the benchmark, and of the file that its figures are kept in.
        parser: From :func:`options`.
        parts: In the order in which they run.
        page: Writes the page about all figures into a folder.
    """
    parser.add_argument("--part", choices=parts, help="only this one")
    parser.add_argument(
        "--docs",
        type=Path,
        metavar="FOLDER",
        help="write the figures here; keeps those of parts that do not run",
    )
    chosen = parser.parse_args()
    report = Report(name)
    record = None if chosen.docs is None else chosen.docs / f"{name}.json"
    if record is not None and record.exists():
        report.figures.update(json.loads(record.read_text())["figures"])
    for part, measure in parts.items():
        if chosen.part in (None, part):
            measure(report, chosen)
    report.write(chosen.json)
    if record is not None:
        report.write(record)
        page(report.figures, chosen.docs)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "processor": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
