"""What a solver needs to come down to an error level, read off a line through its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.numerics.point import Floats, Tally

NEAR = 2.5
"""Settings whose rms error is within this factor of a level say what is needed for it."""

FEWEST = 3
"""So many of them must be there, with errors on both sides of the level."""

DRAWS = 200
"""Bootstrap draws for the standard errors."""


@dataclass(frozen=True)
class Reading:
    """A solver where its rms error is that of the level, by a smooth fit over several settings.

    Attributes:
        mean: Evaluations per sample; ``median`` and ``tail``, the 99th percentile, likewise.
        middle: Median error over the samples, ``worst`` its 99th percentile, in data units.
        wrong: Share of samples in another mode than the truth.
        settings: How many settings were fitted.
        means: ``mean`` in every bootstrap draw, ``[draws]``; the same draws for every solver.
        wrongs: ``wrong`` likewise.
        scatter: Standard error of ``log mean`` from the scatter of the settings about the line.
        wrong_scatter: That of ``wrong``.
        wrong_slope: Power of the evaluations with which ``wrong`` changes.
    """

    mean: float
    median: float
    tail: float
    middle: float
    worst: float
    wrong: float
    settings: int
    means: Floats
    wrongs: Floats
    scatter: float
    wrong_scatter: float
    wrong_slope: float

    @property
    def mean_error(self) -> float:
        """Standard error of ``mean``."""
        return float(np.hypot(self.means.std(), self.scatter * self.mean))

    @property
    def wrong_error(self) -> float:
        """Standard error of ``wrong``."""
        return float(np.hypot(self.wrongs.std(), self.wrong_scatter))

    def over(self, other: Reading) -> tuple[float, float]:
        """Share of another solver's evaluations that this one needs, with its standard error."""
        share = self.mean / other.mean
        scatter = share * np.hypot(self.scatter, other.scatter)
        return share, float(np.hypot((self.means / other.means).std(), scatter))

    def safely_over(self, other: Reading) -> float:
        """The share at which this one has no more wrong modes either; infinity if never."""
        share, _ = self.over(other)
        if self.wrong <= other.wrong:
            return share
        if self.wrong_slope >= 0 or other.wrong <= 0:
            return float("inf")
        return float(share * (other.wrong / self.wrong) ** (1 / self.wrong_slope))

    def more_wrong(self, other: Reading) -> tuple[float, float]:
        """Wrong modes less those of another solver, with the standard error."""
        scatter = np.hypot(self.wrong_scatter, other.wrong_scatter)
        error = np.hypot((self.wrongs - other.wrongs).std(), scatter)
        return self.wrong - other.wrong, float(error)


def bootstrap(samples: int, seed: int = 0) -> Floats:
    """How often each sample is drawn, as shares ``[DRAWS, samples]``; every draw is of all."""
    counts = np.random.default_rng(seed).poisson(1, (DRAWS, samples)).astype(np.float32)
    shares: Floats = counts / counts.sum(1, keepdims=True)
    return shares


def read(tallies: Sequence[Tally], level: float, draws: Floats) -> Reading | None:
    """Read off what a solver needs for an rms error; ``None`` if too few settings are near.

    Rms and share of wrong modes are rough functions of the setting, since both come from rare
    samples near the border between two modes, which fall to either side with the place of single
    steps. So their logarithms are fitted by lines over the logarithm of the evaluations, with all
    settings within a factor :data:`NEAR` of the level, by least squares. The standard errors come
    from drawing the samples anew, and from the scatter of the settings about the line. A solver
    that was given the first samples alone has its errors from the same draws of these.
    """
    points = [tally.point() for tally in tallies]
    near = [i for i, p in enumerate(points) if level / NEAR <= p.rms <= level * NEAR]
    errors = [points[i].rms for i in near]
    if len(near) < FEWEST or not min(errors) <= level <= max(errors):
        return None
    chosen = [tallies[i] for i in near]
    half = 0.5 / len(chosen[0].wrong)

    def columns(shares: Floats) -> tuple[Floats, Floats, Floats]:
        """Logarithms of evaluations, rms and wrong modes, ``[draws, settings]``."""
        drawn = [
            np.stack([shares @ getattr(t, name).astype(shares.dtype) for t in chosen], -1)
            for name in ("evaluations", "squares", "wrong")
        ]
        return np.log(drawn[0]), np.log(drawn[1]) / 2, np.log(drawn[2] + half)

    whole = np.full((1, len(chosen[0].wrong)), 1 / len(chosen[0].wrong))
    draws = draws[:, : whole.size] / draws[:, : whole.size].sum(1, keepdims=True)
    cost, rms, wrong = columns(whole)
    slope, at = _where(cost, rms, np.log(level))
    if slope[0] >= 0:
        return None
    spread = _scatter(cost[0], rms[0], at[0]) / -slope[0]
    share = np.exp(_fit(cost, wrong, at)[0])
    costs, errors_drawn, wrongs = columns(draws)
    _, ats = _where(costs, errors_drawn, np.log(level))
    others = {
        name: float(np.exp(_fit(cost, np.log([[getattr(points[i], name) for i in near]]), at)[0]))
        for name in ("median", "tail", "middle", "worst")
    }
    return Reading(
        mean=float(np.exp(at[0])),
        wrong=max(0.0, float(share - half)),
        settings=len(near),
        means=np.exp(ats),
        wrongs=np.exp(_fit(costs, wrongs, ats)) - half,
        scatter=float(spread),
        wrong_slope=float(_line(cost, wrong)[0][0]),
        wrong_scatter=float(share * _scatter(cost[0], wrong[0], at[0])),
        **others,
    )


def _line(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Slope and centre of the least-squares lines through ``[draws, settings]``."""
    middle, height = x.mean(-1), y.mean(-1)
    off = x - middle[..., None]
    return (off * y).sum(-1) / (off * off).sum(-1), middle, height


def _fit(x: Floats, y: Floats, at: Floats) -> Floats:
    """The lines' values at ``at [draws]``."""
    slope, middle, height = _line(x, y)
    return height + slope * (at - middle)


def _where(x: Floats, y: Floats, level: float) -> tuple[Floats, Floats]:
    """Slopes of the lines, and where they come to a level."""
    slope, middle, height = _line(x, y)
    return slope, middle + (level - height) / slope


def _scatter(x: Floats, y: Floats, at: float) -> float:
    """Standard error of a line's value from the scatter of the points about it."""
    rest = y - _fit(x[None], y[None], x)
    off = x - x.mean()
    sigma = float(np.sqrt(rest @ rest / (len(x) - 2)))
    return sigma * float(np.sqrt(1 / len(x) + (at - x.mean()) ** 2 / (off @ off)))
