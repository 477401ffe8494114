"""The cell of a crystal as six real numbers. Free of torch.

For lattice vectors ``L [3, 3]`` in rows, in angstrom, they are the upper triangle of
``s = log(L L^T) / 2``, standardised. Every six real numbers are a cell, and a lattice that is
rotated has the same. The eigenvalues of ``s`` are logarithms of lengths.
"""

from __future__ import annotations

import math

import numpy as np

from sureflow.core.arrays import Floats

TRIANGLE = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 1, 2, 2])
"""Rows and columns of the six numbers in ``s``."""

SYMMETRIC = (0, 1, 2, 1, 3, 4, 2, 4, 5)
"""Which of the six numbers each entry of ``s`` is, row by row."""

CENTRE = np.array([1.4, 0.05, 0.1, 1.4, 0.1, 1.5])
DEVIATION = np.array([0.3, 0.25, 0.2, 0.3, 0.2, 0.3])
"""What the numbers are standardised by: about those of primitive cells of two to six atoms."""

HALVINGS, TERMS = 6, 12
"""By which the exponential is as exact as float64 for cells up to a thousand angstrom."""

FLATTEST = 1e-3
"""The least volume of a cell, as a share of the product of its lengths."""


def numbers_of(lattice: Floats) -> Floats:
    """The six numbers of a lattice ``[3, 3]``.

    Raises:
        ValueError: Its vectors are not finite, or lie in a plane.
    """
    lengths = np.sqrt(np.square(lattice).sum(1))
    if not (np.isfinite(lattice).all() and abs(np.linalg.det(lattice)) > FLATTEST * lengths.prod()):
        raise ValueError("the lattice vectors span no volume")
    squares, axes = np.linalg.eigh(lattice @ lattice.T)
    s = (axes * (np.log(squares) / 2)) @ axes.T
    numbers: Floats = (s[TRIANGLE] - CENTRE) / DEVIATION
    return numbers


def lattice_of(numbers: Floats) -> Floats:
    """The lattice ``[3, 3]`` of six numbers: the first vector along x, the second in the plane xy.

    Everything is elementwise, so that all machines give the same bits.
    """
    s = (numbers * DEVIATION + CENTRE)[list(SYMMETRIC)].reshape(3, 3)
    part = 2 * s / 2**HALVINGS
    metric = term = np.eye(3)
    for number in range(1, TERMS + 1):
        term = _product(term, part) / number
        metric = metric + term
    for _ in range(HALVINGS):
        metric = _product(metric, metric)
    return _triangular(metric)


def _product(a: Floats, b: Floats) -> Floats:
    product: Floats = a[:, :1] * b[:1] + a[:, 1:2] * b[1:2] + a[:, 2:] * b[2:]
    return product


def _triangular(metric: Floats) -> Floats:
    """The lower triangle ``L`` with ``L L^T = metric``."""
    lattice = np.zeros((3, 3))
    for row in range(3):
        for column in range(row):
            done = sum(lattice[row, k] * lattice[column, k] for k in range(column))
            lattice[row, column] = (metric[row, column] - done) / lattice[column, column]
        done = sum(lattice[row, k] ** 2 for k in range(row))
        lattice[row, row] = math.sqrt(max(metric[row, row] - done, np.finfo(np.float64).tiny))
    return lattice
