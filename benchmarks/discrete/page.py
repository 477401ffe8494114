"""The page that shows every figure of the part molecules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.discrete.chemistry import PROPERTIES

HEAD = """# Molecules

Written by `python -m benchmarks.discrete molecules --docs docs/benchmarks`. The model `molecules`
was trained on molecules of MOSES with SMILES of at most 28 characters; RDKit judges {samples} of
its samples, drawn by ancestral sampling in 32 steps where nothing else is said. The default score
is `{score}`.
"""

SURE = """## Are the sure ones right?

The confident half are the samples that are less unsure than the median, and so on.

| samples | valid |
|---|---|
| all | {all} |
| confident 80 % | {most} |
| confident half | {half} |
| least sure tenth | {least} |

AUROC of each score for samples that are no molecule, and its rank correlation with the number of
characters: a score that follows the length says little else.

| score | AUROC | correlation with length |
|---|---|---|
{scores}
"""

LIKE = """## Are they like the data?

Of the valid samples. Novel are those that are not among all 1.58 million training molecules of
MOSES. Distances are Wasserstein-1, in standard deviations of the held-out molecules of at most 28
characters; the last column compares as many training molecules with these: what chance leaves.

| | all | confident half | training molecules |
|---|---|---|---|
{rows}
"""

SAMPLERS = """## How should they be drawn?

{count} samples of each.

| sampler | valid | unique of the valid | evaluations |
|---|---|---|---|
{rows}
"""

SAVED = """## What does a filter save?

Half of {count} samples is wanted: by `"early"` with confidence 0.5, and by halving of 20 out of 40.

| | evaluations saved | wanted samples that are lost |
|---|---|---|
{rows}
"""

ASKED = """## Is the condition met?

{count} samples of each guidance, with a wanted logP from 1.2 to 3.4. A miss is off by more than a
standard deviation of the data, among those that are valid; the AUROC of a score is that for misses,
where there are 20 of both kinds.

| | guidance 1 | guidance 2 |
|---|---|---|
{rows}
"""


def write(figures: dict[str, Any], path: Path) -> None:
    """Write the page."""
    found = [
        (SAMPLERS, "samples of each sampler", _samplers),
        (SAVED, "samples that were filtered", _saved),
        (ASKED, "samples with a condition", _asked),
    ]
    parts = [
        HEAD.format(samples=f"{figures['samples']:,}", score=figures["default score"]),
        _sure(figures),
        _like(figures),
    ]
    parts += [
        text.format(count=f"{figures[counted]:,}", rows="\n".join(rows(figures)))
        for text, counted, rows in found
        if counted in figures
    ]
    path.write_text("\n\n".join(part.strip() for part in parts) + "\n")


def _percent(value: float) -> str:
    return f"{value:.1%}".replace("%", " %")


def _names(figures: dict[str, Any], prefix: str) -> list[str]:
    return [label.removeprefix(prefix) for label in figures if label.startswith(prefix)]


def _sure(figures: dict[str, Any]) -> str:
    scores = sorted(
        _names(figures, "AUROC for invalid, "),
        key=lambda name: -figures[f"AUROC for invalid, {name}"],
    )
    rows = (
        f"| `{name}` | {figures[f'AUROC for invalid, {name}']:.3f} "
        f"| {figures[f'correlation with length, {name}']:+.2f} |"
        for name in scores
    )
    return SURE.format(
        all=_percent(figures["valid"]),
        most=_percent(figures["valid, confident 80 %"]),
        half=_percent(figures["valid, confident half"]),
        least=_percent(figures["valid, least sure tenth"]),
        scores="\n".join(rows),
    )


def _like(figures: dict[str, Any]) -> str:
    of = ("all", "confident half")
    rows = [
        f"| {name} | " + " | ".join(_percent(figures[f"{name}, {part}"]) for part in of) + " | |"
        for name in ("unique of the valid", "novel of the unique")
    ]
    name = "internal diversity"
    rows.append(f"| {name} | " + " | ".join(f"{figures[f'{name}, {p}']:.3f}" for p in of) + " | |")
    for property in PROPERTIES:
        label = f"distance of {property}"
        cells = [f"{figures[f'{label}, {part}']:.3f}" for part in (*of, "training molecules")]
        rows.append(f"| {label} | {' | '.join(cells)} |")
    return LIKE.format(rows="\n".join(rows))


def _samplers(figures: dict[str, Any]) -> list[str]:
    return [
        f"| {name} | {_percent(figures[f'valid, {name}'])} "
        f"| {_percent(figures[f'unique of the valid, {name}'])} "
        f"| {figures[f'evaluations, {name}']:.0f} |"
        for name in _names(figures, "evaluations, ")
    ]


def _saved(figures: dict[str, Any]) -> list[str]:
    found = []
    for how, lost in (("early", "accepted that are lost"), ("halving", "best half that are lost")):
        if f"{how}, evaluations saved" in figures:
            saved = _percent(figures[f"{how}, evaluations saved"])
            found.append(f"| {how} | {saved} | {_percent(figures[f'{how}, {lost}'])} |")
        else:
            found.append(f"| {how} | the score foretells nothing that a bound could use | |")
    return found


def _asked(figures: dict[str, Any]) -> list[str]:
    at = ("guidance 1", "guidance 2")
    rows = [
        "| valid | " + " | ".join(_percent(figures[f"valid, {g}"]) for g in at) + " |",
        "| mean error of logP | "
        + " | ".join(f"{figures[f'mean error of logP, {g}']:.2f}" for g in at)
        + " |",
        "| misses by more than a deviation | "
        + " | ".join(_percent(figures[f"misses by more than a deviation, {g}"]) for g in at)
        + " |",
    ]
    prefix = "AUROC for misses, "
    names = [name.removesuffix(", guidance 1") for name in _names(figures, prefix)]
    for name in dict.fromkeys(name for name in names if ", guidance" not in name):
        cells = " | ".join(f"{figures[f'{prefix}{name}, {g}']:.3f}" for g in at)
        rows.append(f"| AUROC, `{name}` | {cells} |")
    return rows
