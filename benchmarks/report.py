"""Options, table and JSON that every benchmark shares."""

from __future__ import annotations

import argparse
import json
import platform
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


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "processor": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
