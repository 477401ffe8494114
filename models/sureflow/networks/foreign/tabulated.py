"""Any affine path, by tables of signal and noise."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field, PrivateAttr, model_validator
from torch import Tensor

from sureflow.networks.foreign.curve import Curve
from sureflow.networks.foreign.path import LEAST, AffinePath, Rates

MOST_ENTRIES = 5_000

APART = 1e-12
"""Least distance of two entries, in time and in their share of noise."""

Entries = Annotated[
    list[Annotated[float, Field(ge=0, le=1e6)]], Field(min_length=2, max_length=MOST_ENTRIES)
]
Times = Annotated[
    list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=2, max_length=MOST_ENTRIES)
]


class _Curves(NamedTuple):
    """The path's clock, and the logarithm of its size, over the share of noise."""

    clock: Curve
    size: Curve


class TabulatedPath(AffinePath):
    """``X = alpha x1 + sigma x0`` by tables, from the noise to the data or from the data on.

    At its entries it is what the tables say. Between them, its clock and its size are monotone
    cubics over the share of noise, which is finite also for pure noise and for pure data. The size
    is ``alpha + sigma`` or ``sqrt(alpha^2 + sigma^2)``, whichever changes less over the tables.

    Attributes:
        alpha: Factor of the data at each entry; it may be 0 at the noise.
        sigma: Factor of the noise at each entry; it may be 0 at the data. The end with more noise
            per signal is the noise, where sampling begins.
        time: Time of each entry in 0 .. 1, ascending or descending; without it equal steps between
            0 and 1. Where it grows toward the noise, the path's clock is 1 less it: as on every
            path, that clock runs toward the data.
    """

    kind: Literal["affine"] = "affine"
    alpha: Entries
    sigma: Entries
    time: Times | None = None

    _curves: dict[torch.device, _Curves] = PrivateAttr(default_factory=dict)
    _ends: tuple[float, float] = PrivateAttr(default=(1.0, 0.0))
    _order: int = PrivateAttr(default=1)

    @model_validator(mode="after")
    def _runs_from_noise_to_data(self) -> TabulatedPath:
        tables = {"alpha": self.alpha, "sigma": self.sigma, "time": self.time}
        counts = {name: len(table) for name, table in tables.items() if table is not None}
        if len({*counts.values()}) > 1:
            said = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise ValueError(f"its tables should have equally many entries, and have: {said}")
        alpha, sigma = (torch.tensor(z, dtype=torch.float64) for z in (self.alpha, self.sigma))
        if nothing := (alpha + sigma == 0).nonzero().flatten().tolist():
            raise ValueError(f"alpha and sigma are both 0 at entry {nothing[0]}")
        shares = sigma / (alpha + sigma)
        _check_apart("sigma / alpha", shares)
        clock = self._read_clock(bool(shares[0] > shares[-1]))
        self._draw(shares, clock, torch.stack([alpha, sigma]))
        return self

    def _read_clock(self, forward: bool) -> Tensor:
        """Times of the entries on a clock toward the data; ``forward`` if they lead there."""
        if self.time is None:
            clock = torch.linspace(0, 1, len(self.alpha), dtype=torch.float64)
            return clock if forward else 1 - clock
        time = torch.tensor(self.time, dtype=torch.float64)
        _check_apart("time", time)
        return time if bool(time[-1] > time[0]) == forward else 1 - time

    def _draw(self, shares: Tensor, clock: Tensor, scales: Tensor) -> None:
        """Draw the curves through entries of either order."""
        ascending = shares.argsort()
        sizes = {p: torch.linalg.vector_norm(scales, p, dim=0).log() for p in (1, 2)}
        self._order = min(sizes, key=lambda p: float(sizes[p].max() - sizes[p].min()))
        self._ends = float(shares.max()), float(shares.min())
        x, y, size = (z[ascending] for z in (shares, clock, sizes[self._order]))
        self._curves[x.device] = _Curves(Curve(x, y), Curve(x, size))

    @property
    def first(self) -> float:
        """The share of the noisiest entry."""
        return self._ends[0]

    @property
    def last(self) -> float:
        """The share of the cleanest entry."""
        return self._ends[1]

    @property
    def start(self) -> float:
        """At the noisiest entry, for data of unit variance."""
        share = torch.tensor(self.first, dtype=torch.float64)
        return float(torch.hypot(share, 1 - share) * self.scale(share))

    def scale(self, share: Tensor) -> Tensor:
        """On the curve."""
        return self._on(share.device).size.at(share)[0].exp() / self._part(share)

    def clock(self, share: Tensor) -> Tensor:
        """On the curve."""
        return self._on(share.device).clock.at(share)[0]

    def share(self, t: Tensor) -> Tensor:
        """By bisection of the curve."""
        return self._on(t.device).clock.where(t)

    def rates(self, share: Tensor) -> Rates:
        """Slopes of the curves, by the chain rule."""
        curves = self._on(share.device)
        pace, growth = curves.clock.at(share)[1], curves.size.at(share)[1]
        if self._order == 2:
            growth = growth - (2 * share - 1) / self._part(share).square()
        size = self.scale(share)
        return size * ((1 - share) * growth - 1) / pace, size * (share * growth + 1) / pace

    def schedule(self, steps: int) -> Tensor:
        """Equal steps of the table's time, of the spacing ``linspace`` down to a small share."""
        trailing = self.spacing == "trailing"
        end = self.last if trailing else max(self.last, LEAST)
        first, last = self.clock(torch.tensor([self.first, end], dtype=torch.float64)).tolist()
        places = torch.arange(steps, dtype=torch.float64) / max(steps - (not trailing), 1)
        return self.share(first + (last - first) * places)

    def _part(self, share: Tensor) -> Tensor:
        """The size of a point with ``alpha + sigma = 1``."""
        return torch.hypot(share, 1 - share) if self._order == 2 else torch.ones_like(share)

    def _on(self, device: torch.device) -> _Curves:
        """The curves on a device."""
        if device not in self._curves:
            (drawn,) = (z for where, z in self._curves.items() if where.type == "cpu")
            self._curves[device] = _Curves(drawn.clock.to(device), drawn.size.to(device))
        return self._curves[device]


def _check_apart(name: str, values: Tensor) -> None:
    """Check that values rise at every entry, or fall at every one."""
    steps = values.diff() * (1 if values[-1] > values[0] else -1)
    if wrong := (steps < APART).nonzero().flatten().tolist():
        raise ValueError(
            f"{name} should rise with every entry, or fall with every entry, and does neither from "
            f"entry {wrong[0]} to {wrong[0] + 1}"
        )
