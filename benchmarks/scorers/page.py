"""The page docs/benchmarks/scorers.md, from the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

HEAD = """# Scorers of finished samples: the critic and the circuit

`python -m benchmarks.scorers --part critic` and `--part circuit` print the figures, and `--docs
docs/benchmarks` writes this page from [them](scorers.json). Figures are means over three seeds,
with the half width of a 90 % interval.
"""

CRITIC = """## A critic of `ring`

A critic is trained on 3,000 samples of the model (Heun, 10 steps) and 3,000 of the exact density,
and scores 3,000 others; a sample is off the support where the exact log-density is below the 0.1 %
quantile of real draws. A violation is one of 100,000 pairs of points, 1e-4 to 1 apart, between
which the score changes by more than their distance.
"""

CIRCUIT = """## A circuit of handwritten digits

5,000 digits of 8 by 8 pixels, on or off; a tenth is held out. The circuit (8 replicas, 8 nodes, 600
steps) gets all weights from one small network and embeddings; the baseline takes the pixels as
independent of each other, with add-one frequencies. One pixel of each held-out digit is flipped:
how often is it the one of the largest surprise, of 64?
"""


def write(figures: dict[str, Any], folder: Path) -> None:
    """Write the page into a folder; parts that were not measured are left out."""
    parts = [HEAD, _critic(figures), _circuit(figures)]
    (folder / "scorers.md").write_text("\n".join(part for part in parts if part))


def _cell(figures: dict[str, Any], name: str, digits: int) -> str:
    return f"{figures[name]:.{digits}f} ± {figures[f'{name} +-']:.{digits}f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _critic(figures: dict[str, Any]) -> str:
    if "critic: violations" not in figures:
        return ""
    names = ("critic", "likelihood", "propagated", "propagated_late")
    rows = [
        [
            f"`{name}`",
            _cell(figures, f"critic: {name}: AUROC", 3),
            _cell(figures, f"critic: {name}: removed at 96 % kept, %", 1),
        ]
        for name in names
    ]
    head = ["score", "AUROC of off the support", "of these removed where 96 % are kept, %"]
    said = (
        f"Violations: {figures['critic: violations']:.0f}. Off the support: "
        f"{_cell(figures, 'critic: off the support, %', 2)} %. Held-out samples are told from data "
        f"with AUROC {_cell(figures, 'critic: told from data, AUROC', 3)}.\n"
    )
    return CRITIC + "\n" + _table(head, rows) + "\n" + said


def _circuit(figures: dict[str, Any]) -> str:
    if "circuit: nats" not in figures:
        return ""
    rows = [
        ["circuit", _cell(figures, "circuit: nats", 4), f"{figures['circuit: trained']:,.0f}"],
        ["independent pixels", _cell(figures, "circuit: independent", 4), "64"],
    ]
    head = ["", "nats per pixel, held out", "parameters"]
    found = _cell(figures, "circuit: flipped pixel found, %", 1)
    return CIRCUIT + "\n" + _table(head, rows) + f"\nThe flipped pixel is found in {found} %.\n"
