"""The sites of a crystal: what is unsure of each, and a table of them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from sureflow_client import Structure

from .pictures import Floats

VECTORS, CELL = 3, 2
"""Rows of the lattice in a table ``[3 + n, 4]``, and of the cell in a map ``[2 + n, 3]``."""

MORE = 1.25
"""A site is unsure whose share is this many times that of a site on average."""

LEAST = 1e-12
"""Variance below which nothing is unsure."""


def structure_at(table: Floats, species: Sequence[str]) -> Structure:
    """Return the crystal of a table of lattice vectors and fractional coordinates."""
    exact = table.astype(np.float64)
    return Structure(exact[:VECTORS, :3], tuple(species), exact[VECTORS:, :3])


def doubts(map: Floats) -> Floats:
    """Return the share of each site ``[n]`` in the variance of all coordinates; 0 if there is none.

    Args:
        map: Variance of the six numbers of the cell, and of the coordinates of each site.
    """
    each: Floats = np.nan_to_num(map[CELL:]).sum(axis=1)
    total = float(each.sum())
    return each / total if total > LEAST else np.zeros_like(each)


def marked(shares: Floats | None) -> set[int]:
    """Return the numbers of the sites that are less sure than most."""
    if shares is None or not len(shares):
        return set()
    return {*np.flatnonzero(shares > MORE / len(shares)).tolist()}


def table(crystal: Structure, shares: Floats | None) -> str:
    """Return the sites as a table of HTML."""
    unsure = marked(shares)
    head = ["Site", "Element", "x", "y", "z"] + ([] if shares is None else ["Open"])
    rows = []
    for site, (symbol, frac) in enumerate(zip(crystal.species, crystal.frac % 1.0, strict=True)):
        cells = [str(site), symbol, *(f"{number:.3f}" for number in frac.tolist())]
        if shares is not None:
            cells.append(f"{shares[site]:.0%}{' · unsure' if site in unsure else ''}")
        kind = ' class="site-unsure"' if site in unsure else ""
        rows.append(f"<tr{kind}>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
    heads = "".join(f'<th scope="col">{name}</th>' for name in head)
    caption = "Fractional coordinates"
    if shares is not None:
        caption += "; open: the share of a site in the variance of all"
    return (
        f'<table class="sites small tabular"><caption>{caption}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )
