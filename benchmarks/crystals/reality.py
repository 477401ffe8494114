"""Crystals of nature: whether the model is surer of them than of the same ones disturbed.

They are read from CIFs, such as those of the package ``libavogadro-data`` of Debian, which the
model has never seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.crystals import recovery
from benchmarks.crystals.measures import auroc
from benchmarks.report import Report
from sureflow.checkpoint import load
from sureflow.core.arrays import Floats
from sureflow.core.crystal import VECTORS, species_of
from sureflow.core.lane import Array, Inverted
from sureflow.evaluation.crystals.formula import formula_of
from sureflow.evaluation.crystals.known import shipped
from sureflow.families.crystals.cif import table_of_cif
from sureflow.families.crystals.spec import CrystalSpec
from sureflow.folders import embedded_folder
from sureflow.sampling.sample import run

SCORES = ("renoised_nll", "renoised_nll_cell", "renoised_nll_frac")

SHAKEN, STRETCHED = 0.3, 1.1
"""Root mean square displacement of atoms, in angstrom, and factor of all lengths."""

QUICK = 8
"""Crystals that are scored with ``--quick``."""


def measure(report: Report, quick: bool, folder: Path | None) -> None:
    """Score crystals of files, and the same ones disturbed; says so if there are no files."""
    if folder is None:
        print("reality: left out; --cifs FOLDER names files of crystals")
        return
    model, known = load(embedded_folder() / "crystals"), shipped()
    sizes = {count for (count,) in model.card.sizes}
    ours = {formula_of(crystal.species) for crystal in known.crystals()}
    elements = {number for formula in ours for number, _ in formula}
    read = [*_read(folder)]
    tables = [t for t in read if len(t) - VECTORS in sizes and {*species_of(t)} <= elements]
    tables = tables[:QUICK] if quick else tables
    report.add("reality: compounds read", len(read))
    report.add("reality: compounds of served sizes and elements", len(tables))
    report.add(
        "reality: of these, compositions of the data set",
        sum(formula_of(species_of(table)) in ours for table in tables),
    )
    recovery.measure(report, model, tables, known, SCORES[0])
    generator = np.random.default_rng(0)
    others = {
        f"atoms moved by {SHAKEN:g} angstrom": [_shaken(table, generator) for table in tables],
        f"lengths times {STRETCHED:g}": [_stretched(table) for table in tables],
    }
    atoms = np.array([len(table) - VECTORS for table in tables] * 2)
    real = np.repeat([True, False], len(tables))
    found = _scores(model, tables)
    for name, changed in others.items():
        disturbed = _scores(model, changed)
        for score in SCORES:
            both = np.concatenate([found[score], disturbed[score]])
            weight = np.ones(len(both))
            report.add(f"reality, {name}: AUROC of {score}", auroc(both, real, atoms, weight))
            report.add(
                f"reality, {name}: surer of the real one by {score}",
                float((found[score] < disturbed[score]).mean()),
            )


def _read(folder: Path) -> Iterator[Array]:
    """The compounds in the files, each in the primitive cell of its space group."""
    for path in sorted(folder.rglob("*.cif")):
        try:
            table = table_of_cif(path.read_text(errors="replace"))
        except ValueError:  # sites in part, or no CIF
            continue
        species = species_of(table)
        if len({*species.tolist()}) > 1:
            order = VECTORS + np.argsort(species, kind="stable")
            yield np.concatenate([table[:VECTORS], table[order]])


def _shaken(table: Array, generator: np.random.Generator) -> Array:
    moved = table.copy()
    steps = SHAKEN / np.sqrt(3) * generator.standard_normal((len(table) - VECTORS, 3))
    moved[VECTORS:, :3] += (steps @ np.linalg.inv(table[:VECTORS, :3])).astype(np.float32)
    moved[VECTORS:, :3] %= 1
    return moved


def _stretched(table: Array) -> Array:
    larger = table.copy()
    larger[:VECTORS, :3] *= STRETCHED
    return larger


def _scores(model: Any, tables: list[Array]) -> dict[str, Floats]:
    """The scores of given crystals, from their inversion, ``[N]`` each."""
    specs = [
        CrystalSpec(
            0, index, origin=Inverted(table), method="dopri5", tolerance=1e-4, scores=SCORES
        )
        for index, table in enumerate(tables)
    ]
    for spec in specs:
        model.check(spec)
    found = run(model, specs, 32)
    return {name: np.array([sample.scores[name] for sample in found]) for name in SCORES}


def fragment(figures: dict[str, Any]) -> str:
    """The figures as a section with a table."""
    names = [
        label.removeprefix("reality, ").removesuffix(f": AUROC of {SCORES[0]}")
        for label in figures
        if label.startswith("reality, ") and label.endswith(f": AUROC of {SCORES[0]}")
    ]
    lines = [
        "| score | "
        + " | ".join(f"{name}: AUROC | surer of the real one" for name in names)
        + " |",
        "|---|" + "---:|" * (2 * len(names)),
    ]
    for score in SCORES:
        cells = [
            f"{figures[f'reality, {name}: {what} {score}']:.2f}"
            for name in names
            for what in ("AUROC of", "surer of the real one by")
        ]
        lines.append("| " + " | ".join([score, *cells]) + " |")
    head = TEXT.format(
        read=figures["reality: compounds read"],
        served=figures["reality: compounds of served sizes and elements"],
        ours=figures["reality: of these, compositions of the data set"],
    )
    drawn = RECOVERED.format(
        matched=figures["reality: of these, match a polymorph of the data set"], each=recovery.EACH
    )
    return "\n\n".join([head, "\n".join(lines), drawn, "\n".join(recovery.rows(figures))])


TEXT = """## Crystals of nature

`--part reality --cifs FOLDER`, with the CIFs of Debian's `libavogadro-data` 1.97: {read} ordered
compounds are read, in primitive cells, and {served} have as many atoms and such elements as the
model knows ({ours} of them have a composition of the data set, held out or not). Each is inverted
and scored, and so is the same crystal disturbed; AUROC is within an atom number."""

RECOVERED = """Of the real ones {matched} match a polymorph of the data set. Of each composition
{each} structures are drawn, not relaxed: how often one of them matches the real structure, and how
often one of the surest does."""
