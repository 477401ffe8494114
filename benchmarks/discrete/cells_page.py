"""The page that shows every figure of the part cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.discrete.gamma_poisson import PUBLISHED

HEAD = """# Cells

Written by `python -m benchmarks.discrete cells --docs docs/benchmarks`. The model `cells` learned
from {cells to learn from} cells of human blood (`models/data/cells.md`); all figures compare with
the {cells held out} that were held out. Counts were recovered from normalised values, under the
assumption that the smallest count of a cell that is not 0 is 1. Intervals are 95 % over {seeds}
seeds of sampling, of one trained model; the Gaussian flow is trained anew for each. Populations
have as many cells of every label as were held out, the confident half too: of twice as many
samples it is the half of every label that is surest by the default score, `{default score}`.

* negative binomial: independent by gene, with the moments of the label; *with totals*: every draw
  has the total of a random cell of its label, and the means follow it.
* Gaussian flow: a perceptron of the same size on `log(1 + count)`, rounded at the end.
* training cells: the floor, real cells against real cells.
"""

ALIKE = """## Are they like real cells?

Distances are of `log(1 + count)`; MMD is squared and unbiased, so that it may be below 0. *Apart*
are the mean difference of the shares of zeros of a gene, and rms differences of log means and log
variances of genes with a mean above 0.5. Overdispersion is the median over genes of
`(variance - mean) / mean^2`.

| | {names} |
|---|{rules}
{rows}

Held-out cells: {share of zeros, held-out cells:.1%} zeros, overdispersion
{overdispersion, held-out cells:.2f}, deviation of totals {deviation of totals, held-out cells:.0f}.
"""

LABELS = """## By label

Sliced distance, of labels with at least ten held-out cells.

| | {names} |
|---|{rules}
{rows}
"""

SURE = """## Are the sure ones right?

A reader that is no part of the model (multinomial naive Bayes on the training cells) says which
label a cell looks like. It is right of {held} of the held-out cells, {all} of the samples, and
{half} of the confident half. AUROC of each score for samples that look like another label, and
its rank correlation with the total of counts: a score that follows the total says little else.

| score | AUROC | correlation with total |
|---|---|---|
{rows}
| minus the total | {total} | |
"""

SAMPLERS = """## How should they be drawn?

One seed.

| sampler | sliced distance | MMD |
|---|---|---|
{rows}
"""

TOY = """## Two counts

The toy of [Wei and Pearson](https://arxiv.org/abs/2605.07746), as we read it: of 1,000 pairs half
are Poisson with gamma rates of shapes 60 and 5, half of 60 and 40. A model is trained on them,
{seeds} in all; 1,000 samples are compared with 1,000 fresh pairs, and so are the training pairs,
which is the floor. Published for their network and sampler: Wasserstein-2 {published} ± {spread}.

| | Wasserstein-2 | MMD |
|---|---|---|
{rows}
"""

POPULATIONS = (
    *("model", "confident half", "negative binomial", "negative binomial, with totals"),
    *("Gaussian flow", "training cells"),
)
ROWS = (
    *("sliced distance", "MMD", "share of zeros", "zeros apart", "means apart"),
    *("variances apart", "overdispersion", "deviation of totals"),
)


def write(figures: dict[str, Any], path: Path) -> None:
    """Write the page."""
    head = {"names": " | ".join(POPULATIONS), "rules": "---|" * len(POPULATIONS)}
    parts = [
        HEAD.format_map(figures),
        ALIKE.format_map({**figures, **head, "rows": _rows(figures, ROWS)}),
        LABELS.format(**head, rows=_labels(figures)),
        _sure(figures),
        SAMPLERS.format(rows=_samplers(figures)),
        _toy(figures),
    ]
    path.write_text("\n\n".join(part.strip() for part in parts) + "\n")


def _shown(figures: dict[str, Any], label: str) -> str:
    value, half = figures[label], figures.get(f"{label}, +-")
    digits = 0 if abs(value) >= 10 else 3
    return f"{value:.{digits}f}" + ("" if half is None else f" ± {half:.{digits}f}")


def _rows(figures: dict[str, Any], rows: tuple[str, ...]) -> str:
    return "\n".join(
        f"| {row} | " + " | ".join(_shown(figures, f"{row}, {name}") for name in POPULATIONS) + " |"
        for row in rows
    )


def _labels(figures: dict[str, Any]) -> str:
    prefix, suffix = "sliced distance of ", ", model"
    names = [
        label.removeprefix(prefix).removesuffix(suffix)
        for label in figures
        if label.startswith(prefix) and label.endswith(suffix)
    ]
    return _rows(figures, tuple(f"{prefix}{name}" for name in names)).replace(f"| {prefix}", "| ")


def _sure(figures: dict[str, Any]) -> str:
    prefix, total = "AUROC for another label, ", "minus the total"
    names = [
        label.removeprefix(prefix)
        for label in figures
        if label.startswith(prefix) and not label.endswith(("+-", total))
    ]
    names.sort(key=lambda name: -figures[f"{prefix}{name}"])
    rows = (
        f"| `{name}` | {_shown(figures, f'{prefix}{name}')} "
        f"| {_shown(figures, f'correlation with total, {name}')} |"
        for name in names
    )
    return SURE.format(
        held=f"{figures['reader right of held-out cells']:.3f}",
        all=_shown(figures, "reader right of samples"),
        half=_shown(figures, "reader right of the confident half"),
        total=_shown(figures, f"{prefix}{total}"),
        rows="\n".join(rows),
    )


def _samplers(figures: dict[str, Any]) -> str:
    prefix = "MMD, "
    names = [
        label.removeprefix(prefix) for label in figures if label.startswith(prefix) and ":" in label
    ]
    return "\n".join(
        f"| `{name}` | {_shown(figures, f'sliced distance, {name}')} "
        f"| {_shown(figures, f'MMD, {name}')} |"
        for name in names
    )


def _toy(figures: dict[str, Any]) -> str:
    prefix = "toy: Wasserstein-2, "
    names = [
        label.removeprefix(prefix)
        for label in figures
        if label.startswith(prefix) and not label.endswith("+-")
    ]
    rows = (
        f"| {name} | {_shown(figures, f'{prefix}{name}')} "
        f"| {_shown(figures, f'toy: MMD, {name}')} |"
        for name in names
    )
    published, spread = PUBLISHED
    return TOY.format(
        seeds=figures["toy: seeds"], published=published, spread=spread, rows="\n".join(rows)
    )
