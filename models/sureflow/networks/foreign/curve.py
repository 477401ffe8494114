"""A curve through given points, which neither overshoots nor turns between them."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from torch import Tensor

FLATTEST = 1 / 3
"""Least slope at an end, as a share of the slope of the chord there."""

HALVINGS = 60
"""Of a piece, until its middle is the point that is looked for."""


class Curve:
    """The piecewise cubic ``y(x)`` of Fritsch and Butland (1984), known as PCHIP.

    It is monotone between two points, and has their values exactly. At an end, where that rule may
    come to no slope at all, it has at least a part of that of the chord; by Fritsch and Carlson
    (1980) it is monotone all the same.

    Args:
        x: Places of the points ``[n]``, strictly ascending, float64.
        y: Values there ``[n]``.
    """

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self._x, self._y = x, y
        self._pieces = torch.from_numpy(_pieces(x.numpy(), y.numpy()))

    def to(self, device: torch.device) -> Self:
        """The same curve on a device."""
        found = type(self).__new__(type(self))
        found._x, found._y = self._x.to(device), self._y.to(device)
        found._pieces = self._pieces.to(device)
        return found

    def at(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Value and slope at places between the first point and the last."""
        piece = self._piece(self._x, x)
        value, slope = self._within(piece, x - self._x[piece])
        return torch.where(x >= self._x[-1], self._y[-1], value), slope

    def where(self, y: Tensor) -> Tensor:
        """The places at which a strictly monotone curve has these values; the inverse of ``at``."""
        sign = 1 if self._y[-1] > self._y[0] else -1
        piece = self._piece(sign * self._y, sign * y)
        low, high = torch.zeros_like(y), self._x[piece + 1] - self._x[piece]
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            before = sign * self._within(piece, middle)[0] <= sign * y
            low, high = torch.where(before, middle, low), torch.where(before, high, middle)
        return torch.where(sign * y >= sign * self._y[-1], self._x[-1], self._x[piece] + low)

    def _piece(self, points: Tensor, wanted: Tensor) -> Tensor:
        after = torch.searchsorted(points, wanted.contiguous(), right=True)
        return after.clamp(1, len(points) - 1) - 1

    def _within(self, piece: Tensor, d: Tensor) -> tuple[Tensor, Tensor]:
        """Value and slope at a distance from the beginning of a piece."""
        a, b, c, y = self._pieces[:, piece]
        return ((a * d + b) * d + c) * d + y, (3 * a * d + 2 * b) * d + c


def _pieces(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Coefficients ``[4, n - 1]`` of the pieces, that of the cube first."""
    # Takes long to load, and most models have no curve.
    from scipy.interpolate import CubicHermiteSpline, PchipInterpolator

    slopes, chords = PchipInterpolator(x, y).derivative()(x), np.diff(y) / np.diff(x)
    for end in (0, -1):
        if abs(slopes[end]) < FLATTEST * abs(chords[end]):
            slopes[end] = FLATTEST * chords[end]
    return np.ascontiguousarray(CubicHermiteSpline(x, y, slopes).c)
