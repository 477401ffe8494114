"""Cells: ``python -m benchmarks.discrete cells --docs docs/benchmarks``.

Samples of the model ``cells`` are compared with the cells that were held out of its training, and
so are draws of negative binomials, of a Gaussian flow on logarithms, and the cells of training
themselves, which is the floor. Each has as many cells of every label as were held out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from scipy.stats import spearmanr

from benchmarks.discrete import cells_page, gamma_poisson, populations
from benchmarks.discrete.baselines import gaussian_flow, negative_binomials
from benchmarks.discrete.means import add_mean
from benchmarks.discrete.reader import Reader
from benchmarks.report import Report, options
from sureflow.checkpoint import load
from sureflow.core.arrays import Integers
from sureflow.core.family import families
from sureflow.core.lane import Sample
from sureflow.evaluation.auroc import auroc
from sureflow.folders import embedded_folder
from sureflow.model import Model
from sureflow.sampling.sample import run

SEEDS = (5, 6, 7)
LEAST_CELLS, FLOW_STEPS = 10, 1000
"""Held-out cells of the labels that are compared by themselves; steps of training of the flow."""

DATA = embedded_folder().parent / "data"
KNOWN, HELD_OUT = "cells.safetensors", "cells-held-out.safetensors"

SAMPLERS = (("bridge", 5), ("bridge", 20), ("bridge", 60), ("tau", 20))
"""Samplers that are compared, each with its steps."""


@dataclass(frozen=True)
class Cells:
    """The data.

    Attributes:
        counts: Cells that a model learns from, ``[n, genes]``.
        labels: Their labels, ``[n]``.
        held: Cells held out, ``[m, genes]``.
        held_labels: Their labels.
        names: Names of the labels.
    """

    counts: Integers
    labels: Integers
    held: Integers
    held_labels: Integers
    names: tuple[str, ...]


def main(arguments: Sequence[str]) -> None:
    """Draw cells, compare them, and print and write the figures."""
    parser = options(__doc__)
    parser.add_argument("--model", default="cells")
    parser.add_argument("--data", type=Path, default=DATA, metavar="FOLDER")
    parser.add_argument("--seeds", type=int, nargs="+", default=[*SEEDS])
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="write the page here")
    parser.add_argument("--part", choices=("cells", "toy"), help="only this one")
    asked = parser.parse_args(arguments)
    if asked.quick:
        asked.seeds = asked.seeds[:1]
    report, record = Report("discrete-cells"), asked.docs and asked.docs / "discrete-cells.json"
    if record is not None and record.exists():
        report.figures.update(json.loads(record.read_text())["figures"])
    if asked.part != "toy":
        _cells(report, asked)
    if asked.part != "cells":
        gamma_poisson.measure(report, asked.seeds, 200 if asked.quick else gamma_poisson.STEPS)
    report.write(asked.json)
    report.write(record)
    if asked.docs is not None and asked.part != "toy":
        cells_page.write(report.figures, asked.docs / "cells.md")


def _cells(report: Report, asked: argparse.Namespace) -> None:
    """Everything that is measured of the model."""
    model = load(asked.model)
    cells = read(asked.data, model.card.classes)
    report.add("cells to learn from", len(cells.counts))
    report.add("cells held out", len(cells.held))
    report.add("default score", model.score)
    report.add("seeds", len(asked.seeds))
    twice = np.tile(cells.held_labels, 2)
    drawn = [draws(model, twice, seed) for seed in asked.seeds]
    _compared(report, cells, drawn, asked)
    _judged(report, model, cells, drawn)
    _samplers(report, model, cells, asked)


def read(folder: Path, names: tuple[str, ...]) -> Cells:
    """Read the cells to learn from and those held out."""
    parts = list[Integers]()
    for file in (KNOWN, HELD_OUT):
        found = load_file(folder / file)
        parts += [found["samples"].astype(np.int64), found["labels"]]
    return Cells(*parts, names)


def draws(model: Model, labels: Integers, seed: int, **fields: Any) -> list[Sample]:
    """A sample of every label that is given, with all scores that it can have."""
    family = families()[model.card.family]
    spec: Any = family.spec
    lane = spec(seed, 0, label=0, **fields)
    free = [name for name in family.scores if family.obstacle(name, model.card, lane) is None]
    scores = tuple(sorted(free, key=lambda name: name != model.score))
    lanes = [
        spec(seed, index, label=label, scores=scores, **fields)
        for index, label in enumerate(labels.tolist())
    ]
    return run(model, lanes, 64)


def counts_of(samples: Sequence[Sample]) -> Integers:
    """The counts of samples, ``[n, genes]``."""
    return np.stack([one.data for one in samples]).astype(np.int64)


def surest(samples: Sequence[Sample], labels: Integers) -> list[int]:
    """Numbers of the half of every label that is surest."""
    doubt, found = np.array([one.uncertainty for one in samples]), list[int]()
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        found += own[np.argsort(doubt[own], kind="stable")[: len(own) // 2]].tolist()
    return sorted(found)


def matched(cells: Cells, seed: int) -> Integers:
    """Cells of training, at random, in the order of the labels held out."""
    random, found = np.random.default_rng(seed), np.zeros_like(cells.held)
    for label in np.unique(cells.held_labels):
        rows, own = (np.flatnonzero(z == label) for z in (cells.held_labels, cells.labels))
        found[rows] = cells.counts[random.permutation(own)[: len(rows)]]
    return found


def _compared(
    report: Report, cells: Cells, drawn: list[list[Sample]], asked: argparse.Namespace
) -> None:
    """All distances of all populations, by seed."""
    width, labels = populations.bandwidth(cells.counts), cells.held_labels
    steps = 200 if asked.quick else FLOW_STEPS
    both = np.tile(labels, 2)
    half = {seed: surest(one, both) for seed, one in zip(asked.seeds, drawn, strict=True)}
    made = {seed: counts_of(one) for seed, one in zip(asked.seeds, drawn, strict=True)}
    args = cells.counts, cells.labels, labels
    makers: dict[str, Callable[[int], Integers]] = {
        "model": lambda seed: made[seed][: len(labels)],
        "confident half": lambda seed: made[seed][half[seed]],
        "negative binomial": lambda seed: negative_binomials(*args, seed),
        "negative binomial, with totals": lambda seed: negative_binomials(*args, seed, True),
        "Gaussian flow": lambda seed: gaussian_flow(*args, seed, steps),
        "training cells": lambda seed: matched(cells, seed),
    }
    for name, make in makers.items():
        found = [make(seed) for seed in asked.seeds]
        sure = name == "confident half"
        whose = [both[half[seed]] if sure else labels for seed in asked.seeds]
        figures = [_figures(one, own, cells, width) for one, own in zip(found, whose, strict=True)]
        for key in figures[0]:
            add_mean(report, f"{key}, {name}", [each[key] for each in figures])
    report.add("share of zeros, held-out cells", float((cells.held == 0).mean()))
    report.add("overdispersion, held-out cells", populations.overdispersion(cells.held))
    report.add("deviation of totals, held-out cells", float(cells.held.sum(1).std()))


def _figures(made: Integers, labels: Integers, cells: Cells, width: float) -> dict[str, float]:
    """What is said of one population."""
    means, variances = populations.moments_apart(made, cells.held)
    found = {
        "sliced distance": populations.sliced(made, cells.held),
        "MMD": populations.mmd(made, cells.held, width),
        "share of zeros": float((made == 0).mean()),
        "zeros apart": populations.zeros_apart(made, cells.held),
        "means apart": means,
        "variances apart": variances,
        "overdispersion": populations.overdispersion(made),
        "deviation of totals": float(made.sum(1).std()),
    }
    for label, name in enumerate(cells.names):
        held = cells.held[cells.held_labels == label]
        if len(held) >= LEAST_CELLS:
            found[f"sliced distance of {name}"] = populations.sliced(made[labels == label], held)
    return found


def _judged(report: Report, model: Model, cells: Cells, drawn: list[list[Sample]]) -> None:
    """Which score finds cells that look like another label, and what follows the total alone."""
    reader = Reader(cells.counts, cells.labels)
    report.add("reader right of held-out cells", right(reader, cells.held, cells.held_labels))
    labels = np.tile(cells.held_labels, 2)
    made = [counts_of(samples) for samples in drawn]
    add_mean(report, "reader right of samples", [right(reader, one, labels) for one in made])
    halves = [surest(samples, labels) for samples in drawn]
    sure = [right(reader, one[half], labels[half]) for one, half in zip(made, halves, strict=True)]
    add_mean(report, "reader right of the confident half", sure)
    for name in drawn[0][0].scores:
        values = [np.array([one.scores[name] for one in samples]) for samples in drawn]
        found = [
            (auroc(value, reader.read(one) != labels), float(spearmanr(value, one.sum(1))[0]))
            for value, one in zip(values, made, strict=True)
        ]
        add_mean(report, f"AUROC for another label, {name}", [each[0] for each in found])
        add_mean(report, f"correlation with total, {name}", [each[1] for each in found])
    totals = [auroc(-one.sum(1).astype(float), reader.read(one) != labels) for one in made]
    add_mean(report, "AUROC for another label, minus the total", totals)


def _samplers(report: Report, model: Model, cells: Cells, asked: argparse.Namespace) -> None:
    """Distances by sampler and steps, with one seed."""
    width = populations.bandwidth(cells.counts)
    for method, steps in SAMPLERS[: 2 if asked.quick else None]:
        made = counts_of(
            draws(model, cells.held_labels, asked.seeds[0], method=method, steps=steps)
        )
        report.add(f"sliced distance, {method}:{steps}", populations.sliced(made, cells.held))
        report.add(f"MMD, {method}:{steps}", populations.mmd(made, cells.held, width))


def right(reader: Reader, counts: Integers, labels: Integers) -> float:
    """Share of cells that are read as what they are meant to be."""
    return float((reader.read(counts) == labels).mean())
