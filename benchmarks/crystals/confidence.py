"""Whether confidence finds the crystals that a potential says are stable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.crystals.drawn import Drawn, draw, held_out
from benchmarks.crystals.judged import Judged, judge
from benchmarks.crystals.kept import Kept
from benchmarks.crystals.table import (
    ATOMS,
    AUROC,
    ENERGY,
    FEWEST,
    LIFT,
    PARTS,
    RAW,
    RELAXED,
    Row,
    Table,
)
from benchmarks.report import Report
from sureflow.checkpoint import load
from sureflow.evaluation.crystals.known import shipped
from sureflow.evaluation.crystals.potential import CALCULATORS
from sureflow.folders import embedded_folder

SEEDS, EACH = (0, 1, 2), 2
"""Seeds of the draws, and crystals of each cell of a held-out composition by each of them."""

SCORES = (
    *("renoised_nll", "renoised_nll_cell", "renoised_nll_frac"),
    *("trajectory", "propagated", "propagated_late", "propagated_cell", "propagated_frac"),
    *("straightness", "path_residual", "pooled_residual"),
)
"""What is compared; the first is the model's default, which filters."""

DRAWS = 100
"""Draws of the bootstrap."""

QUICK, QUICK_DRAWS = 20, 50
"""Crystals that are judged with ``--quick``, and draws of the bootstrap then."""


def measure(
    report: Report, quick: bool, cache: Path, most: int | None, second: bool = True
) -> None:
    """Draw, judge, and report all crystals, those of the bar, and each number of atoms."""
    judged = _judged(quick, cache, most, second)
    if most is not None:
        report.add("relaxed of each cell", most)
    draws = QUICK_DRAWS if quick else DRAWS
    parts = {"all": judged, f"n >= {FEWEST}": judged.where(judged.atoms >= FEWEST)}
    for name, part in parts.items():
        report.add(f"{name}: crystals", len(part.atoms))
        report.add(f"{name}: relaxed", int((~np.isnan(part.relaxed["chgnet"])).sum()))
        report.add(f"{name}: compositions", len({*part.composition.tolist()}))
        table = Table(part, SCORES[0], draws)
        for rows in (table.validity, table.energies, table.scores, table.filtered):
            _add(report, name, rows())
    for atoms in sorted({*judged.atoms.tolist()}):
        part = judged.where(judged.atoms == atoms)
        report.add(f"n = {atoms}: crystals", len(part.atoms))
        _add(report, f"n = {atoms}", Table(part, SCORES[0], draws).validity())
    for seed in sorted({*judged.seed.tolist()}):
        table = Table(judged.where(judged.seed == seed), SCORES[0], draws)
        _add(report, f"seed {seed}", table.bar())
    for label, found in Table(judged, SCORES[0], draws).bar():
        asked = LIFT if label != "AUROC" else AUROC
        report.add(f"bar: {label}, {asked:g} asked", str(found))


def _add(report: Report, name: str, rows: Iterable[Row]) -> None:
    """Report figures, as far as there are any: those of relaxed crystals need some."""
    for label, found in rows:
        if not np.isnan(found.value):
            report.add(f"{name}: {label}", str(found))


def _judged(quick: bool, cache: Path, most: int | None, second: bool) -> Judged:
    drawn = list(_drawn())
    if quick:
        drawn = drawn[:: max(len(drawn) // QUICK, 1)]
    other = Kept("7net", cache) if second else None
    return judge(drawn, shipped(), Kept("chgnet", cache), other, most)


def _drawn() -> Iterator[Drawn]:
    model, cells = load(embedded_folder() / "crystals"), held_out(shipped())
    for seed in SEEDS:
        yield from draw(model, cells, EACH, seed, SCORES)


def options(figures: dict[str, Any]) -> str:
    """What this part was asked to leave out."""
    if "all: crystals" not in figures:
        return ""
    few = figures.get("relaxed of each cell")
    found = [] if few is None else [f"--relax {few}"]
    return " ".join([*found, *([] if "7net" in _potentials(figures) else ["--only-chgnet"])])


def fragment(figures: dict[str, Any]) -> str:
    """The figures as a section with its tables."""
    large = f"n >= {FEWEST}"
    numbers = [label.removesuffix(": crystals") for label in figures if _counts(label)]
    parts = [
        VALIDITY,
        f"{figures['all: crystals']} crystals of {figures['all: compositions']} compositions,"
        f" {figures[f'{large}: crystals']} of them of three atoms and more; relaxed were"
        f" {figures['all: relaxed']} and {figures[f'{large}: relaxed']}.{_cut(figures)}",
        _grid(figures, "", [*_rows(figures, numbers[0])], numbers, "{column}: {row}"),
        ENERGIES,
        _grid(
            figures,
            "median eV/atom",
            [f"{p}, {w}" for p in _potentials(figures) for w in ("raw", "relaxed")],
            [*PARTS],
            large + ": median eV/atom by {row}, {column}",
        ),
        *_ends(figures, large),
        RANKS,
        _grid(
            figures,
            "score",
            [*SCORES, ATOMS, ENERGY],
            [
                f"{measure}, {good}"
                for good in (f"raw <= {RAW:g}", f"relaxed <= {RELAXED:g}")
                for measure in ("AUROC", "quarter over all")
            ],
            large + ": {column}, {row}",
        ),
        "By seed of the draws, raw within 0.1: "
        + "; ".join(
            f"seed {seed} AUROC {figures[f'seed {seed}: AUROC']},"
            f" quarter over all {figures[f'seed {seed}: quarter over all']}"
            for seed in SEEDS
            if f"seed {seed}: AUROC" in figures
        )
        + ".",
        BAR.format(
            auroc=figures[f"bar: AUROC, {AUROC:g} asked"],
            lift=figures[f"bar: quarter over all, {LIFT:g} asked"],
            energy=figures[f"{large}: quarter over all, raw <= {RAW:g}, {ENERGY}"],
        ),
        FILTERED,
        _grid(
            figures,
            "",
            [
                f"raw <= {RAW:g}",
                f"relaxed <= {RELAXED:g}",
                "compositions with a stable one",
                "steps for a stable one",
            ],
            [*PARTS],
            large + ": {row}, {column}",
        ),
    ]
    return "\n\n".join(parts)


def _cut(figures: dict[str, Any]) -> str:
    """What was left out, in a sentence."""
    few = figures.get("relaxed of each cell")
    if not few:
        return ""
    return (
        f" Of each cell the first {few} were relaxed and judged by the second potential;"
        " all that is said of relaxed crystals is of them."
    )


def _counts(label: str) -> bool:
    return label.endswith(": crystals")


def _ends(figures: dict[str, Any], of: str) -> Iterator[str]:
    """What is said of relaxed crystals beside the tables."""
    apart, hull = (
        figures.get(f"{of}: median {what}")
        for what in ("A to the relaxed", "eV/atom above our hull")
    )
    if apart is not None:
        yield f"The median distance to the relaxed crystal, where both match, is {apart} angstrom."
    if hull is not None:
        yield f"After relaxation the median energy above our own hull is {hull} eV/atom."


def _potentials(figures: dict[str, Any]) -> list[str]:
    return [p for p in CALCULATORS if f"all: median eV/atom by {p}, raw, all" in figures]


def _rows(figures: dict[str, Any], of: str) -> Iterator[str]:
    """What is said of each group of crystals."""
    wanted = [label.removeprefix("n = 2: ") for label in figures if label.startswith("n = 2: ")]
    yield from (label for label in wanted if f"{of}: {label}" in figures)


def _grid(
    figures: dict[str, Any], title: str, rows: list[str], columns: list[str], label: str
) -> str:
    lines = [
        "| " + " | ".join([title, *columns]) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for row in rows:
        found = [str(figures.get(label.format(row=row, column=c), "–")) for c in columns]
        lines.append("| " + " | ".join([row, *found]) + " |")
    return "\n".join(lines)


VALIDITY = """## What is drawn

Crystals of compositions that were not trained on, the model's usual sampler. *Atoms apart*:
farther than 0.5 angstrom; *overlap*: nearer than half the sum of covalent radii. *Known* is one of
our polymorphs of the composition, by the usual tolerances of pymatgen's `StructureMatcher`;
*novel*, what matches none after its relaxation; *unique*, what matches none drawn before. Energies
are above the best polymorph that we know, in eV/atom by CHGNet 0.3.0; no database of hulls is
behind them."""

ENERGIES = """## Energies

Medians in eV/atom above the best known polymorph, three atoms and more, each potential against its
own energies of the known ones. The relaxation is by CHGNet in both. Parts are by confidence within
an atom number; an energy is infinite where atoms overlap."""

RANKS = """## Scores

Three atoms and more, within atom number. AUROC is the chance that a good crystal is surer than a
bad one; *quarter over all*, how many times the share of good ones is larger among the surest
quarter. The last two rows are no scores of ours: the number of atoms, and the energy of the raw
crystal by one call of CHGNet, which is the label of the first two columns and knows the
composition's best polymorph."""

BAR = """Asked beforehand of the default score, raw within 0.1: an AUROC of 0.75, found {auroc};
and a surest quarter with twice the share of good ones, found {lift}. The energy itself, by which
all of that quarter are good, has {energy}: no score can have more, so where most crystals are good
the second is out of reach."""

FILTERED = """## What a filter leaves

Three atoms and more, parts by the default score within an atom number. *Steps* are those of the
relaxations of a part, over the stable crystals (relaxed within 0.05) that come of it."""
