"""Counts of genes from a table of logarithms, in which every cell was scaled."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sureflow.core.arrays import Floats, Integers

OFF = 0.15
"""Most by which a count may be off a whole number."""


class Cells(NamedTuple):
    """Counts of cells.

    Attributes:
        counts: ``[n, genes]``.
        genes: Names of the genes.
        labels: Number of the kind of each cell, ``[n]``.
        kinds: Names of the kinds, the most frequent first.
    """

    counts: Integers
    genes: tuple[str, ...]
    labels: Integers
    kinds: tuple[str, ...]


def whole(logarithms: Floats) -> Integers:
    """Counts ``[n, genes]`` of ``log(1 + count * scale of the cell)``.

    The smallest count of a cell that is not 0 is taken to be 1.

    Raises:
        ValueError: A count is off a whole number, so that this is not so.
    """
    scaled = np.expm1(logarithms.astype(np.float64))
    least = np.where(scaled > 0, scaled, np.inf).min(1, keepdims=True)
    found = scaled / least
    off = float(np.abs(found - found.round()).max())
    if off > OFF:
        raise ValueError(f"a count is {off:.2f} off a whole number")
    counts: Integers = found.round().astype(np.int64)
    return counts


def read_cells(file: Path, kinds: str = "bulk_labels") -> Cells:
    """The cells of an AnnData file whose ``raw`` has logarithms; needs ``anndata``."""
    import anndata

    table: Any = anndata.read_h5ad(file)
    values = table.raw.X
    counts = whole(np.asarray(values.todense() if hasattr(values, "todense") else values))
    named = table.obs[kinds].astype(str).to_numpy()
    names, numbers = np.unique(named, return_counts=True)
    order = [str(name) for name in names[np.argsort(-numbers, kind="stable")]]
    labels = np.array([order.index(name) for name in named])
    return Cells(counts, tuple(map(str, table.raw.var_names)), labels, tuple(order))


def most_variable(cells: Cells, genes: int, most: int) -> Cells:
    """The genes whose counts vary most, in the order of the table; larger counts are cut off."""
    chosen = np.sort(np.argsort(-cells.counts.var(0), kind="stable")[:genes])
    counts = np.minimum(cells.counts[:, chosen], most)
    return cells._replace(counts=counts, genes=tuple(cells.genes[number] for number in chosen))


def split(cells: Cells, held: int, seed: int) -> tuple[Integers, Integers]:
    """Numbers of the cells to train on and of those held out, in like shares of every kind."""
    order = np.random.default_rng(seed).permutation(len(cells.labels))
    out: list[int] = []
    for kind in range(len(cells.kinds)):
        own = order[cells.labels[order] == kind]
        out += own[: round(held * len(own) / len(order))].tolist()
    chosen = np.sort(np.array(out))
    return np.setdiff1d(order, chosen), chosen
