"""The page about all figures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.posterior.gaussian import CASES
from benchmarks.posterior.moons import DEAR, DISTANCES, FREE, KINDS

BASELINES = ("distance from the origin", "distance from the mean")
GAPS = ("mean difference", "rms difference", "median of the size")

HEAD = """# Posteriors of simulation-based inference

Written by `python -m benchmarks.posterior --docs docs/benchmarks`. A team's networks of plain torch
(`benchmarks/posterior/network.py`), a flow and a diffusion that predicts noise on the `vp` path,
learn the posterior of [two moons](https://arxiv.org/abs/2101.04653) from 100,000 simulations. They
are taken in by the commands that a team would use, and asked by the Python client:

```text
NET=--plugin net=my_package.network:Net
sureflow import my_package.network:Net --name moons --adapter adapter.json \\
    --weights net.safetensors --data simulations.safetensors
sureflow fit sureflow-models/moons --data simulations.safetensors $NET
sureflow calibrate sureflow-models/moons --conditions simulations.safetensors $NET
client.generate("moons", 500, condition={"observation": [0.2, -0.6]}, also=["likelihood"])
```

The adapter's `"conditions"` are `{"observation": {"kind": "vector", "shape": [2], "required":
true}}`: such a network knows no "not given". Intervals are 95 %, over two networks (seeds 0 and 1
of training) and five observations; solver: Heun with 30 steps. The region holds 99 % of the exact
posterior.
"""


def write(figures: dict[str, Any], folder: Path) -> None:
    """Write it."""
    parts = [HEAD]
    if "exact: classifier" in figures:
        parts += [_quality(figures), _scores(figures), _densities(figures)]
    if any(title.startswith(next(iter(CASES))) for title in figures):
        parts.append(_gaussian(figures))
    (folder / "posterior.md").write_text("\n".join(parts))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = [*head]
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _with_interval(figures: dict[str, Any], label: str) -> str:
    if label not in figures:
        return "–"
    half = figures.get(f"{label}, +-")
    return f"{figures[label]:.3f}" + ("" if half is None else f" ± {half:.3f}")


def _quality(figures: dict[str, Any]) -> str:
    rows = [
        [name, *(_with_interval(figures, f"{who}: {name}") for who in ("exact", *KINDS))]
        for name in (*DISTANCES, "outside of the region", "outside of the support")
    ]
    rows[3][1] = "0.010"
    rows[4][1] = "0"
    confidence = ", ".join(
        f"{kind} {figures[f'{kind}: confidence, distance from uniform']:.3f}" for kind in KINDS
    )
    return (
        "## Samples\n\nClassifier: share that 5 nearest neighbours put right, 0.5 is perfect; "
        "sliced: Wasserstein distance; marginal: mean difference of distribution functions. Exact: "
        "one exact sample against another.\n\n"
        + _table(("", "exact", *KINDS), rows)
        + f"\nConfidence over fresh observations, distance from uniform: {confidence} (0.096 is "
        "what chance makes of 200).\n"
    )


def _scores(figures: dict[str, Any]) -> str:
    head = ["score", *(f"{kind}: {what}" for kind in KINDS for what in ("Spearman", "AUROC"))]
    rows = [
        [
            name,
            *(
                _with_interval(figures, f"{kind}: {what} of {name}")
                for kind in KINDS
                for what in ("Spearman", "AUROC")
            ),
        ]
        for name in (*FREE, *DEAR, *BASELINES)
    ]
    return (
        "## Scores\n\nSpearman: with the exact `-log p(theta | x)`; AUROC: of samples outside of "
        "the region. The last two rows are trivial.\n\n" + _table(head, rows)
    )


def _densities(figures: dict[str, Any]) -> str:
    rows = [
        [f"{kind}: {name}", *(_with_interval(figures, f"{kind}: {name}, {gap}") for gap in GAPS)]
        for kind in KINDS
        for name in (
            "likelihood, made",
            "divergence, made",
            "likelihood, of exact draws",
            "divergence, of exact draws",
        )
    ]
    return (
        "## Densities\n\nThe score less the exact `-log p(theta | x)`, in nats: of samples made, "
        "inside of the region, and of exact draws that were inverted.\n\n"
        + _table(("", *GAPS), rows)
    )


def _gaussian(figures: dict[str, Any]) -> str:
    columns = [f"{to}, {what}" for to in ("flow", "posterior") for what in ("mean", "rms")]
    columns.append("flow, largest")
    rows = [
        [
            title,
            f"{figures[f'{title}: data where the path begins']:.4f}",
            *(f"{figures[f'{title}: to the {column}']:.1e}" for column in columns),
        ]
        for title in CASES
        if f"{title}: data where the path begins" in figures
    ]
    return (
        "## A Gaussian posterior with an exact network\n\n`divergence` less the exact density, in "
        "nats, with `rk4` in 25 steps: to that of what the flow makes, which begins with standard "
        "normal noise, and to that of the posterior, of which the path begins with `a` times. "
        "Where the axes of the posterior are askew, one random direction misses the trace by a "
        "number of either sign.\n\n" + _table(("", "a", *columns), rows)
    )
