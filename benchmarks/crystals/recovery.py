"""Whether the structure that a compound has in nature is among those that a model draws of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.crystals.drawn import draw
from benchmarks.crystals.measures import measured, share
from benchmarks.report import Report
from sureflow.core.arrays import Flags
from sureflow.core.crystal import species_of
from sureflow.core.lane import Array
from sureflow.evaluation.crystals.formula import Formula, formula_of
from sureflow.evaluation.crystals.matching import Catalogue, same
from sureflow.evaluation.crystals.samples import crystal_of
from sureflow.model import Model
from sureflow.training.crystals.crystal_set import CrystalSet

EACH, SUREST = 8, 2
"""Draws of each composition, as they are, and how many of the surest are looked at alone."""

SEED = 11


def measure(
    report: Report, model: Model, tables: Sequence[Array], known: CrystalSet, score: str
) -> None:
    """Report how many of given crystals match ours, and are drawn, by kinds of compositions."""
    names = [known.prototypes[at] for at in known.prototype]
    catalogue = Catalogue(zip(names, known.crystals(), strict=True))
    matched = np.array([catalogue.name_of(crystal_of(table)) is not None for table in tables])
    report.add("reality: of these, match a polymorph of the data set", int(matched.sum()))
    formulae = [formula_of(species_of(table)) for table in tables]
    every, surest = recovered(model, tables, score)
    place = {formula: number for number, formula in enumerate(dict.fromkeys(formulae))}
    composition = np.array([place[formula] for formula in formulae])
    for kind, chosen in _kinds(formulae, known, matched).items():
        report.add(f"reality, {kind}: real crystals", int(chosen.sum()))
        for what, found in ((f"among {EACH} draws", every), (f"among the surest {SUREST}", surest)):
            figure = measured(partial(share, found[chosen]), composition[chosen])
            report.add(f"reality, {kind}: {what}", str(figure))


def recovered(model: Model, tables: Sequence[Array], score: str) -> tuple[Flags, Flags]:
    """Whether each crystal matches one of the draws of its composition, and one of the surest."""
    cells = [tuple(species_of(table).tolist()) for table in tables]
    order = list(dict.fromkeys(cells))
    of_cell: dict[tuple[int, ...], list[tuple[float, Any]]] = {cell: [] for cell in order}
    for made in draw(model, order, EACH, SEED, (score,)):
        of_cell[tuple(made.crystal.species.tolist())].append((made.scores[score], made.crystal))
    every, surest = [], []
    for table, cell in zip(tables, cells, strict=True):
        real = crystal_of(table)
        ranked = sorted(of_cell[cell], key=lambda pair: pair[0])
        hits = [same(real, crystal) for _, crystal in ranked]
        every.append(any(hits))
        surest.append(any(hits[:SUREST]))
    return np.array(every), np.array(surest)


def _kinds(formulae: Sequence[Formula], known: CrystalSet, matched: Flags) -> dict[str, Flags]:
    """The crystals by what was trained: their composition, and their structure."""
    trained = {
        formula_of(crystal.species)
        for crystal, out in zip(known.crystals(), known.held_out, strict=True)
        if not out
    }
    seen = np.array([formula in trained for formula in formulae])
    return {
        "composition trained": seen,
        "composition not trained": ~seen,
        "structure of no polymorph of ours": ~matched,
    }


def rows(figures: dict[str, Any]) -> Iterator[str]:
    """Lines of a table in Markdown, a kind of crystals each."""
    columns = [f"among {EACH} draws", f"among the surest {SUREST}"]
    yield "| real crystals | number | " + " | ".join(columns) + " |"
    yield "|---|" + "---:|" * (1 + len(columns))
    for label, count in figures.items():
        if label.startswith("reality, ") and label.endswith(": real crystals"):
            kind = label.removesuffix(": real crystals")
            cells = [str(figures[f"{kind}: {column}"]) for column in columns]
            yield f"| {kind.removeprefix('reality, ')} | {count} | " + " | ".join(cells) + " |"
