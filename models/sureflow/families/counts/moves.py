"""The samplers: how the counts of a lane move in a step. Free of torch.

Each is exact as steps become short. The bridge is right in few steps for a single component, since
given its end a component's way is Markov; several components are drawn independently given the
state, which short steps make good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sureflow.core.arrays import Floats, Integers
from sureflow.families.counts.posterior import Posterior
from sureflow.families.counts.spec import BRIDGE, TAU, UNIT


class Step(NamedTuple):
    """A step of a lane.

    Attributes:
        x: Present counts, ``[d]``.
        posterior: Of the ends.
        t: When it begins.
        dt: How long it is, at most ``1 - t``.
    """

    x: Integers
    posterior: Posterior
    t: float
    dt: float


def bridge(at: Step, draw: np.random.Generator) -> Integers:
    """Draw ends, and go the share ``dt / (1 - t)`` of the way there, each unit by itself."""
    end = at.posterior.drawn(draw.random(len(at.x)))
    share = min(at.dt / (1 - at.t), 1.0)
    moved = draw.binomial(np.abs(end - at.x), share)
    found: Integers = at.x + np.sign(end - at.x) * moved
    return found


def tau(at: Step, draw: np.random.Generator) -> Integers:
    """Births and deaths at the rates of the beginning (Gillespie's tau-leaping, 2001)."""
    births, deaths = at.posterior.rates(at.x, 1 - at.t)
    each = np.divide(deaths, at.x, out=np.zeros_like(deaths), where=at.x > 0)
    born = draw.poisson(births * at.dt)
    died = draw.binomial(at.x, -np.expm1(-each * at.dt))
    found: Integers = np.minimum(at.x + born - died, at.posterior.p.shape[1] - 1)
    return found


def unit(at: Step, draw: np.random.Generator) -> Integers:
    """At most one birth or death of a component (Wei and Pearson, 2026, algorithm 2)."""
    births, deaths = at.posterior.rates(at.x, 1 - at.t)
    total = births + deaths
    jumps = draw.random(len(at.x)) < -np.expm1(-total * at.dt)
    up = draw.random(len(at.x)) * total < births
    found: Integers = at.x + np.where(jumps, np.where(up, 1, -1), 0)
    return np.clip(found, 0, at.posterior.p.shape[1] - 1)


Move = Callable[[Step, np.random.Generator], Integers]
MOVES: dict[str, Move] = {BRIDGE: bridge, TAU: tau, UNIT: unit}
"""By the name of the sampler."""


def thinned(x: Integers, fresh: Integers, strength: float, draw: np.random.Generator) -> Integers:
    """``Bin(x, 1 - s) + Bin(x0, s)`` of counts and of fresh source."""
    found: Integers = draw.binomial(x, 1 - strength) + draw.binomial(fresh, strength)
    return found


def deviance(x: Floats, mean: Floats, log_mean: Floats, over: float) -> Floats:
    """Poisson deviance of counts ``x [d]`` from predictions on the way, by their integrals.

    ``mean`` and ``log_mean`` are integrals of the predicted means and of their logarithms over a
    time of length ``over``.
    """
    own = np.where(x > 0, x * np.log(np.maximum(x, 1)), 0.0)
    found: Floats = 2 * ((own - x) * over - x * log_mean + mean)
    return found
