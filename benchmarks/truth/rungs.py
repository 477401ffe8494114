"""Rungs of successive halving: which of them keep the best 4 of 20 for how many evaluations."""

from __future__ import annotations

from statistics import fmean, stdev
from typing import Any

import numpy as np
from scipy.stats import rankdata

from benchmarks.report import Report
from benchmarks.truth.pool import HEARD, NAME, Pool
from sureflow.core.arrays import Floats
from sureflow.core.halving import RUNGS, halve
from sureflow.evaluation.abandonment import telling

LANES, BEST, SHUFFLED = 20, 4, 50
RULES: tuple[tuple[tuple[float, ...], tuple[int, ...]], ...] = (
    (RUNGS, halve(LANES, BEST).survivors),
    ((0.2, 0.4, 0.6), (12, 7, 4)),
    ((0.3,), (4,)),
    ((0.2, 0.3, 0.5), (10, 7, 4)),
    ((0.1, 0.3, 0.5, 0.7), (14, 7, 5, 4)),
    ((0.1, 0.2, 0.4, 0.6), (16, 11, 6, 4)),
    ((0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7), (16, 12, 9, 7, 5, 5, 4)),
)
"""Rungs, and how many of 20 go on from each; the first is what the server does."""


def cost(rungs: tuple[float, ...], survivors: tuple[int, ...]) -> float:
    """Share of the evaluations of finishing all, of steps of equal length."""
    running = (LANES, *survivors)
    parts = np.diff([0.0, *rungs, 1.0])
    return float(np.dot(running, parts)) / LANES


def told(pool: Pool) -> Floats:
    """The sum of running score and foresight by which the server ranks lanes, ``[n, 9]``."""
    labels, found = pool.labels.numpy(), np.empty((len(pool.final), len(HEARD)))
    classes = [labels == label for label in np.unique(labels)]
    running, places = pool.running.double().numpy(), pool.places.numpy()
    weights = telling([(running[own], places[own]) for own in classes], np.ones((9, 2), bool))
    for own, weight in zip(classes, weights, strict=True):
        found[own] = (running[own] * weight).sum(-1)
    return found


def kept(
    said: Floats, final: Floats, rungs: tuple[float, ...], survivors: tuple[int, ...]
) -> tuple[float, float]:
    """How many of the best lanes a request keeps, and how much worse those are that it finishes.

    Args:
        said: What is told of lanes of a class at :data:`HEARD`, ``[n, 9]``.
        final: Their final scores, ``[n]``.
        rungs: Times of :data:`HEARD`.
        survivors: How many go on.

    Returns:
        The share of the best four, and by how much the mean rank in the class of the four that are
        returned is larger, both means over requests of 20 lanes in random order.
    """
    generator = np.random.default_rng(0)
    places, shares, worse = rankdata(final) / len(final), [], []
    for _ in range(SHUFFLED):
        order = generator.permutation(len(final))
        for first in range(0, len(order) - LANES + 1, LANES):
            lanes = left = order[first : first + LANES]
            for rung, most in zip(rungs, survivors, strict=True):
                left = left[np.argsort(said[left, HEARD.index(rung)])[:most]]
            chosen, best = (of[np.argsort(final[of])[:BEST]] for of in (left, lanes))
            shares.append(len({*chosen} & {*best}) / BEST)
            worse.append(float(places[chosen].mean() - places[best].mean()))
    return fmean(shares), fmean(worse)


def measure(report: Report, pool: Pool) -> None:
    """Add, for each rule, its cost and what it loses, with the standard error over classes."""
    said, final, labels = told(pool), pool.final.numpy(), pool.labels.numpy()
    classes = [labels == label for label in np.unique(labels)]
    for rungs, survivors in RULES:
        found = [kept(said[own], final[own], rungs, survivors) for own in classes]
        title = f"rungs, {_arrows(survivors)} at {', '.join(f'{t:g}' for t in rungs)}"
        report.add(f"{title}: evaluations", 100 * cost(rungs, survivors), "%")
        for what, values in zip(
            ("best four kept", "worse by"), zip(*found, strict=True), strict=True
        ):
            report.add(f"{title}: {what}", 100 * fmean(values), "%")
            error = stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
            report.add(f"{title}: {what}, error", 100 * error)


def _arrows(survivors: tuple[int, ...]) -> str:
    return " → ".join(map(str, (LANES, *survivors)))


def fragment(figures: dict[str, Any]) -> str:
    """The figures as text and a table."""
    head = ["lanes", "evaluations", "of the best four kept", "worse by"]
    rows = [head, ["---", *["---:"] * 3]]
    start, end = "rungs, ", ": evaluations"
    for label in figures:
        if label.startswith(start) and label.endswith(end):
            title = label.removesuffix(end)
            cells = [
                f"{figures[f'{title}: {what}']:.1f} ± {figures[f'{title}: {what}, error']:.1f}"
                for what in ("best four kept", "worse by")
            ]
            name = title.removeprefix(start)
            rows.append([name, f"{figures[label]:.1f} %", f"{cells[0]} %", f"{cells[1]} points"])
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"## Rungs of halving, on `{NAME}`\n\n{TEXT}\n\n{table}"


TEXT = """Draws that no foresight learned from, in requests of 20 lanes of a class, of which the
best four are wanted (`--part foretelling`). *Worse by*: the rank in the class of the four that are
returned above that of the best four, in hundredths of the class, and its standard error over
classes, which the rules share. The first row is what the server does. Twice as many rungs lose
little less at the same cost, and have lanes wait twice as often; so there are three."""
