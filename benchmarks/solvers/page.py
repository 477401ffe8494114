"""The page docs/benchmarks/solvers.md, from the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

HEAD = """# Solvers: evaluations at equal error, and at equal samples

`python -m benchmarks.solvers --part diffusion` trains a diffusion model of digits (a U-Net of
436,000 parameters that predicts v on the variance-preserving path of DDPM, 3,600 steps of 48
images, from scratch) and prints the figures of the first two tables; `--part flow` those of the
third. `--docs docs/benchmarks` writes this page from [the figures](solvers.json). Figures are means
over three seeds, with the half width of a 90 % interval. *Error* is the rms distance per component
to a fine solution (`dopri5`, tolerance 1e-4) from the same noise; *judge-FD* compares 128 samples a
seed with 500 real digits that trained nothing here, in the activations of a reader of digits (the
package `digit-recognizer-py`), and *misread* is the share that it reads as another digit than was
asked for. Noise between the steps leads elsewhere than the ODE, so that it has no error.
"""

AFTER = """
`dpmpp_2m` is DPM-Solver++ (2M), with `eta` 1 its SDE; `unipc` is UniPC of order 2. They are
served, and make the steps of the schedulers of diffusers
(`tests/models/families/diffusion/test_diffusers.py`). What is *not served* is measured with plain
loops (`benchmarks/solvers/candidates.py`).
"""

NATIVE, NOT = "served", "not served"


def write(figures: dict[str, Any], folder: Path) -> None:
    """Write the page into a folder."""
    parts = [HEAD, _diffusion(figures), _grids(figures), _flows(figures), _verdict(folder)]
    (folder / "solvers.md").write_text("\n".join(part for part in parts if part))


def _verdict(folder: Path) -> str:
    """What was concluded, which a person has written and which is kept."""
    page = folder / "solvers.md"
    mark = "## What follows"
    text = page.read_text() if page.exists() else ""
    return mark + text.partition(mark)[2] if mark in text else ""


def _cell(figures: dict[str, Any], name: str, digits: int) -> str:
    if name not in figures:
        return ""
    return f"{figures[name]:.{digits}f} ± {figures[f'{name} +-']:.{digits}f}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _labels(figures: dict[str, Any], model: str) -> list[str]:
    """Labels of the rows of a model, in the order in which they were measured."""
    found = (name.split(": ")[1] for name in figures if name.startswith(f"{model}: "))
    return list(dict.fromkeys(found))


def _diffusion(figures: dict[str, Any]) -> str:
    from benchmarks.solvers.candidates import CANDIDATES

    labels = _labels(figures, "diffusion")
    if not labels:
        return ""
    names = [label.removesuffix(" at 10") for label in labels if label.endswith(" at 10")]
    rows = []
    for name in (name for name in names if not any(f", {g}," in f"{name}," for g in GRIDS)):
        free = "eta" not in name and "noise" not in name and not name.startswith(("er", "restart"))
        cells = [
            _cell(figures, f"diffusion: {name} at {budget}: {figure}", digits) if wanted else ""
            for budget in (10, 20)
            for figure, digits, wanted in (
                ("error", 4, free),
                ("fd", 1, True),
                ("misread", 1, True),
            )
        ]
        rows.append([name, NOT if name in CANDIDATES else NATIVE, *cells])
    fine = [_cell(figures, f"diffusion: fine: {figure}", 1) for figure in ("fd", "misread")]
    rows.append(["fine solution", "", "", *fine, "", *fine])
    head = ["solver", "", "error, 10 evaluations", "judge-FD", "misread, %"]
    head += ["error, 20 evaluations", "judge-FD", "misread, %"]
    ratios = [
        f"* `{method}` at 10 evaluations over `heun` at 20: error "
        + _cell(figures, f"diffusion: {method} at 10 over heun at 20: error", 2)
        + ", judge-FD "
        + _cell(figures, f"diffusion: {method} at 10 over heun at 20: fd", 2)
        for method in ("dpmpp_2m", "unipc")
    ]
    return (
        "## A diffusion model, its own schedule\n\n"
        + _table(head, rows)
        + AFTER
        + "\nRatios within a seed:\n\n"
        + "\n".join(ratios)
        + "\n"
    )


GRIDS = ("uniform", "karras")


def _grids(figures: dict[str, Any]) -> str:
    rows = []
    for method, budget in (("heun", 20), ("dpmpp_2m", 10), ("unipc", 10)):
        for grid in ("", *GRIDS):
            label = f"{method}, {grid}, at {budget}" if grid else f"{method} at {budget}"
            if f"diffusion: {label}: error" not in figures:
                continue
            cells = [
                _cell(figures, f"diffusion: {label}: {z}", d) for z, d in (("error", 4), ("fd", 1))
            ]
            rows.append([f"`{method}`", str(budget), grid or "native", *cells])
    head = ["method", "evaluations", "grid", "error", "judge-FD"]
    return "## Grids\n\n" + _table(head, rows) if rows else ""


def _flows(figures: dict[str, Any]) -> str:
    rows = []
    for label in _labels(figures, "ring"):
        cells = []
        for model in ("ring", "digits"):
            spent = _cell(figures, f"{model}: {label}: evaluations", 1)
            cells += [
                spent or label.rpartition(" ")[2],
                _cell(figures, f"{model}: {label}: error", 4),
            ]
        rows.append([label.partition(" at ")[0], *cells])
    head = ["method", "`ring`: evaluations", "error", "`digits`: evaluations", "error"]
    return "## Flows, equal steps or a tolerance\n\n" + _table(head, rows) if rows else ""
