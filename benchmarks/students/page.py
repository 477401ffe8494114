"""The page docs/benchmarks/students.md, from the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

HEAD = """# Students: quality at few evaluations, and what they copy

Students ([how they are made and asked for](../students.md)) beside the teachers that they were
distilled from. `python -m benchmarks.students --part PART` prints the figures of a section; `--docs
docs/benchmarks` writes this page from [the figures](students.json).
"""

ROWS = {
    "{0}-4 1": ("student, 1 step", "1"),
    "{0}-4 2": ("student, 2 steps", "2"),
    "{0}-4 4": ("student, 4 steps", "4"),
    "{0} heun 2": ("teacher, heun 2", "4"),
    "{0} heun 4": ("teacher, heun 4", "8"),
    "{0} heun 4 fitted": ("teacher, heun 4, fitted grid", "8"),
    "{0} heun 20": ("teacher, heun 20", "40"),
}

MADE_BY = {
    "teacher": "teacher, heun 20",
    "student end 1": "student of ends, 1 step",
    "student end 2": "student of ends, 2 steps",
    "student end 4": "student of ends, 4 steps",
    "student next 1": "student by consistency, 1 step",
    "student next 2": "student by consistency, 2 steps",
    "student next 4": "student by consistency, 4 steps",
}

MEMORISED = 0.9
"""Share of copies from which on a teacher counts as one that has memorised."""

SCORES = ("revision", "self_consistency", "renoise_spread", "adherence", "adherence_contrast")


def write(figures: dict[str, Any], folder: Path) -> None:
    """Write the page into a folder; parts that were not measured are left out."""
    parts = [HEAD, *(_quality(figures, name) for name in ("digits", "fashion"))]
    parts.append(_memorised(figures))
    (folder / "students.md").write_text("\n".join(part for part in parts if part))


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _quality(figures: dict[str, Any], name: str) -> str:
    if f"{name} floor FD" not in figures:
        return ""
    rows = [
        [
            words,
            evaluations,
            f"{figures[f'{key.format(name)} misread']:.1%}",
            f"{figures[f'{key.format(name)} FD']:.2f}",
            f"{1000 * figures[f'{key.format(name)} seconds']:.1f}",
        ]
        for key, (words, evaluations) in ROWS.items()
        if f"{key.format(name)} misread" in figures
    ]
    head = ["made by", "evaluations", "misread", "judge-FD", "ms of a core per sample"]
    scores = [
        [f"`{score}`", f"{figures[f'{name}-4 4 AUROC {score}']:.2f}"]
        for score in SCORES
        if f"{name}-4 4 AUROC {score}" in figures
    ]
    return f"""
## `{name}-4`

`python -m benchmarks.students --part quality`: {figures["quality samples"]} samples, classes in
turn, one seed. A sample is misread if a judge that was trained by others, or on other data, takes
it for another class. Judge-FD compares features of that judge with those of 500 real images that
no model has seen; 500 other real images have {figures[f"{name} floor FD"]:.2f}. Times are of a core
that other work shared; a teacher's include its variance, a student's the score `revision`.

{_table(head, rows)}
How well the scores of the student's four steps tell the misread samples from the others:

{_table(["score", "AUROC"], scores)}"""


def _verdict(figures: dict[str, Any]) -> str:
    """Whether the teacher came to copy, without which nothing is shown about its students."""
    copied = figures["memorising teacher copied"]
    if copied >= MEMORISED:
        return ""
    return f"""The teacher copies {copied:.1%} alone: it has not learned its data by heart, so this
is no test of whether distillation copies less. The samples of its students are less like single
digits that were learned, and further from other digits too: they are worse.
"""


def _memorised(figures: dict[str, Any]) -> str:
    if "memorising teacher copied" not in figures:
        return ""
    rows = [
        [
            words,
            f"{figures[f'memorising {key} copied']:.1%}",
            f"{figures[f'memorising {key} novelty']:.2f}",
            f"{figures[f'memorising {key} energy']:.3f}",
        ]
        for key, words in MADE_BY.items()
    ]
    fresh = figures["memorising fresh copied"], figures["memorising fresh novelty"]
    floor = f"{figures['memorising floor energy']:.3f}"
    rows.append(["digits that were not learned", f"{fresh[0]:.1%}", f"{fresh[1]:.2f}", floor])
    planted = [
        [
            kind,
            str(noise),
            f"{figures[f'planted {kind} {noise} AUROC']:.3f}",
            f"{figures[f'planted {kind} {noise} found']:.1%}",
        ]
        for kind in ("pixels", "16 components")
        for noise in (0.1, 0.3, 0.5)
    ]
    return f"""
## Memorised training data

`python -m benchmarks.students --part memorisation`: a perceptron learns 200 digits of 14 x 14
pixels for 8,000 steps, and students of four steps are distilled from it, one that learns where
trajectories end and one by consistency distillation. Copied is a sample whose served `novelty` is
below a third. The energy distance is to 1,500 digits that were not learned. One training of each.

{_table(["600 samples of", "copied", "median novelty", "energy distance"], rows)}
{_verdict(figures)}
How well `novelty` tells learned digits with added noise from other digits with as much, by an
index of pixels and by one of principal components, and how many of the copies are below a third:

{_table(["index of", "deviation of the noise", "AUROC", "found"], planted)}"""
