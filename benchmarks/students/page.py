"""The page docs/benchmarks/students.md, from the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

HEAD = """# Students: quality at few evaluations, and what they copy

Students ([how they are made and asked for](../students.md)) beside the teachers that they were
distilled from. `python -m benchmarks.students --part PART` prints the figures of a section; `--docs
docs/benchmarks` writes this page from [the figures](students.json).
"""

MODELS = ("digits", "fashion")
"""Teachers of students that ship."""

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

JUDGES = {
    "digits": "A sample is misread if a network that others trained takes it for another class.",
    "fashion": "A sample is misread if our judge, trained on images that the teacher never saw,\n"
    "takes it for another class.",
}

GRIDS = {
    "digits": "`digits` ships no fitted grid; this one was fitted, to 4, 8 and 16 steps.",
    "fashion": "The fitted grid is the one that `fashion` ships.",
}

SCORES = ("revision", "self_consistency", "renoise_spread", "adherence", "adherence_contrast")


def write(figures: dict[str, Any], folder: Path) -> None:
    """Write the page into a folder; parts that were not measured are left out."""
    parts = [HEAD, *(_quality(figures, name) for name in MODELS)]
    parts += [_audited(figures), _memorised(figures)]
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
            _shown(figures, f"{key.format(name)} misread", 100, 1),
            _shown(figures, f"{key.format(name)} FD", 1, 2),
            _shown(figures, f"{key.format(name)} seconds", 1000, 1),
        ]
        for key, (words, evaluations) in ROWS.items()
        if f"{key.format(name)} misread" in figures
    ]
    head = ["made by", "evaluations", "misread, %", "judge-FD", "ms of a core per sample"]
    scores = [
        [f"`{score}`", _shown(figures, f"{name}-4 4 AUROC {score}", 1, 2)]
        for score in SCORES
        if f"{name}-4 4 AUROC {score}" in figures
    ]
    return f"""
## `{name}-4`

`python -m benchmarks.students --part quality`: {figures["quality samples"]} samples, classes in
turn, for each of {figures["quality seeds"]} seeds: means, with the half width of a 90 % interval
(Student's t). {JUDGES[name]}
Of 500 real images that the teacher never saw it misreads {figures[f"{name} real misread"]:.1%}.
Judge-FD compares features of that judge with those of these images; 500 other real images have
{figures[f"{name} floor FD"]:.2f}. Times are of a core that other work shared; a teacher's include
its variance, a student's the score `revision`. {GRIDS[name]}

{_table(head, rows)}
How well the scores of the student's four steps tell the misread samples from the others:

{_table(["score", "AUROC"], scores)}"""


def _shown(figures: dict[str, Any], key: str, unit: float, digits: int) -> str:
    """A mean with the half width of its interval, if there is one."""
    value, half = unit * figures[key], figures.get(f"{key}, +-")
    shown = f"{value:.{digits}f}"
    return shown if half is None else f"{shown} ± {unit * half:.{digits}f}"


def _audited(figures: dict[str, Any]) -> str:
    if "audit samples" not in figures:
        return ""
    gaps = [
        [
            f"`{name}-4`",
            *(f"{figures[f'{name}-4 gap {part}']:.2f}" for part in ("low", "median", "high")),
            f"{figures[f'{name}-4 apart']:.2f}",
        ]
        for name in MODELS
    ]
    ranks = [
        [f"`{score}`", *(_shown(figures, f"{name}-4 gap by {score}", 1, 2) for name in MODELS)]
        for score in SCORES
        if f"{MODELS[0]}-4 gap by {score}" in figures
    ]
    head = ["student", "tenth", "median", "nine tenths", "two samples of a class"]
    return f"""
## The gap to the teacher

`python -m benchmarks.students --part audit`, or `sureflow evaluate digits-4 --teacher digits`: the
distance `|f(z, 0) - ODE(z)|` between what a student makes of noise in one evaluation and what its
teacher makes of it in 20 steps of Heun's method, in data units, for
{figures["audit samples"]} samples, classes in turn. Beside it the distance of two samples of the
teacher, of one class.

{_table(head, gaps)}
Rank correlation of the scores of these samples with the gap, with half of a 95 % interval:

{_table(["score", *(f"`{name}-4`" for name in MODELS)], ranks)}"""


def _copied(figures: dict[str, Any], name: str) -> float:
    return float(figures[f"memorising {name} copied"])


def _verdict(figures: dict[str, Any]) -> str:
    """Whether the teacher came to copy, without which nothing is shown about its students."""
    teacher = _copied(figures, "teacher")
    if teacher < MEMORISED:
        return f"""The teacher copies {teacher:.1%} alone: it has not learned its data by heart, so
this is no test of whether distillation copies less.
"""
    students = {name: _copied(figures, name) for name in MADE_BY if name != "teacher"}
    least, most = (choose(students, key=lambda name: students[name]) for choose in (min, max))
    low, high = (
        MADE_BY[name].partition("student ")[2].replace(", ", " in ") for name in (least, most)
    )
    return f"""The teacher has learned its data by heart: {teacher:.1%} of its samples are copies.
Of its students the one {low} copies least, {students[least]:.1%},
and the one {high} most, {students[most]:.1%}. {_likeness(figures, [*students])}
"""


def _likeness(figures: dict[str, Any], students: list[str]) -> str:
    """Whether what is copied less is more like other digits."""
    own, *others = (figures[f"memorising {name} energy"] for name in ("teacher", *students))
    if nearer := sum(each < own for each in others):
        return f"{nearer} of the {len(others)} are\nnearer to other digits than the teacher."
    return """None of them is nearer to
other digits than the teacher: they copy less, and are no better for it."""


def _memorised(figures: dict[str, Any]) -> str:
    if "memorising teacher copied" not in figures:
        return ""
    rows = [
        [
            words,
            _shown(figures, f"memorising {key} copied", 100, 1),
            _shown(figures, f"memorising {key} novelty", 1, 2),
            _shown(figures, f"memorising {key} energy", 1, 3),
        ]
        for key, words in MADE_BY.items()
    ]
    fresh = figures["memorising fresh copied"], figures["memorising fresh novelty"]
    floor = f"{figures['memorising floor energy']:.3f}"
    learned = f"{figures['memorising energy of learned']:.3f}"
    rows.append(["the digits that were learned", "100.0", "0.00", learned])
    rows.append(["other digits", f"{100 * fresh[0]:.1f}", f"{fresh[1]:.2f}", floor])
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

`python -m benchmarks.students --part memorisation`: a perceptron learns to predict the data, 200
digits of 14 x 14 pixels, in {figures["memorising teacher steps"]:,} steps
({figures["memorising teacher minutes"]:.0f} minutes of a core). Students of four steps are made of
it, one that learns where trajectories end and one by consistency distillation. Copied is a sample
whose served `novelty` is below a third. The energy distance is to 1,500 digits that were not
learned. There is one training of each, and three seeds of sampling: means, with the
half width of a 90 % interval.

{_table(["600 samples of", "copied, %", "median novelty", "energy distance"], rows)}
{_verdict(figures)}
How well `novelty` tells copies from others where something else says what a copy is: among all
these samples and the 1,500 other digits, {figures["memorising pooled"]:,} in all, those are copies
whose pixels correlate with a learned digit by 0.95 or more:
{figures["memorising pooled copies"]:.1%}. The AUROC is {figures["memorising AUROC"]:.3f}.

How well `novelty` tells learned digits with added noise from other digits with as much, by an
index of pixels and by one of principal components, and how many of the copies are below a third:

{_table(["index of", "deviation of the noise", "AUROC", "found"], planted)}"""
