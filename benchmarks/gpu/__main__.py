"""Everything that a GPU can be asked, by one command; the figures go onto one page.

Every part is a benchmark of its own in a process of its own, so that one that fails loses no other.
Without a GPU that can be used it says so and ends with code 1; ``--device cpu --quick`` rehearses.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from benchmarks.device import add_device
from benchmarks.gpu.page import QUESTIONS, page
from benchmarks.report import options

DOCS = Path("docs/benchmarks/gpu.md")
Figures = dict[str, Any]


def main() -> int:
    """Run all parts, or those that are named; the exit code is 1 if one failed."""
    parser = options(__doc__)
    add_device(parser, default="cuda")
    parser.add_argument("--parts", nargs="+", choices=QUESTIONS, help="default: all")
    parser.add_argument("--model", default="fashion")
    parser.add_argument("--docs", nargs="?", type=Path, const=DOCS, help=f"write {DOCS}, or this")
    chosen = parser.parse_args()
    found: dict[str, Figures] = {}
    for part, command in commands(chosen.device, chosen.model, chosen.quick):
        if part in (chosen.parts or QUESTIONS):
            found[part] = figures(command)
    if chosen.json is not None:
        chosen.json.write_text(
            json.dumps({"device": name(chosen.device), **found}, indent=2) + "\n"
        )
    if chosen.docs is not None:
        chosen.docs.write_text(page(name(chosen.device), torch.__version__, found))
    return int(any("failed" in each for each in found.values()))


def commands(device: str, model: str, quick: bool) -> Iterator[tuple[str, list[str]]]:
    """The parts that a device has, and the words of each after ``python -m``."""
    more = ["--device", device, *(["--quick"] if quick else [])]
    yield "overhead", ["benchmarks.overhead", "--models", model, *more]
    yield "tick", ["benchmarks.tick", "--models", model, *more]
    if device != "cpu":
        yield "graphs", ["benchmarks.tick", "--models", model, "--compile", "graphs", *more]
    yield "throughput", ["benchmarks.throughput", "--model", model, *more]
    yield "precision", ["benchmarks.precision", "--model", model, *more]
    yield "kernels", ["benchmarks.gpu.kernels", "--models", model, *more]
    if model in ("ring", "fashion"):
        yield "picard", ["benchmarks.picard", "--model", model, *more]


def figures(command: list[str]) -> Figures:
    """Run one part, which prints its figures, and return them."""
    print(f"\n{' '.join(command)}", flush=True)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        words = [sys.executable, "-m", *command, "--json", str(file)]
        code = subprocess.run(words, check=False).returncode
        if code:
            return {"failed": f"`python -m {' '.join(command)}` ended with code {code}"}
        made: Figures = json.loads(file.read_text())["figures"]
    return made


def name(device: str) -> str:
    """What the device calls itself."""
    return (
        torch.cuda.get_device_name(device) if device.startswith("cuda") else "a CPU, in rehearsal"
    )


if __name__ == "__main__":
    raise SystemExit(main())
