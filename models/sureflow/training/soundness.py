"""Checks that a network is a velocity of its data: finite, and of the convention of the solvers.

Without this check, a variance could be fitted to a network of any other meaning, without an error.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from sureflow.core.path import broadcast
from sureflow.networks import VelocityNetwork
from sureflow.networks.foreign.convention import Convention
from sureflow.training.data import Source
from sureflow.training.lead import clearly_ahead, lead
from sureflow.training.points import Points
from sureflow.training.readings import PREDICTED, Reading, at_a_place, readings

TIMES, DRAWS_EACH = 21, 4
"""Times at which a network must be finite, those of the default solver, and draws at each."""

BANDS, DRAWS, FIRST, LAST = 5, 1280, 0.05, 0.95
"""Number of bands of time, of draws in all of them, and their first and last time."""

LEAST = 0.2
"""Least mean square velocity in a band, as a share of that of the targets."""

MOST = 0.3
"""Largest misfit of a velocity. Trained networks of the right convention had 0.002 to 0.22, those
of other conventions 0.49 to 2.0."""

OTHER_CAUSES = (
    "these may be other data or scaled otherwise, the network may be untrained, or trained on "
    "pairs of noise and data that are not independent, as by optimal transport or reflow"
)

NEARLY = 0.4
"""Largest misfit of a convention that explains more than every other: a network of the right one
that was trained little had up to 0.36, one of twice the velocity 0.45."""

WORST = 1.5
"""Largest unexplained share of the velocity; 1 is that of no prediction. Networks that predict the
noise may come close to it, as their errors grow where there is little of the data."""

BLOCK = 64

SPARSE, FAR = 4, -1.0
"""Of other conventions one draw in so many is looked at first, and the rest where none of their
readings is so many standard errors behind."""


class Draws(Points):
    """Points ascending in time; every second one has no condition, as far as the network knows."""

    @classmethod
    def make(
        cls, source: Source, t: Tensor, network: VelocityNetwork, convention: Convention
    ) -> Draws:
        """Draw a path of this convention for each of these times."""
        generator = torch.Generator().manual_seed(0)
        drawn = source.draw(len(t), generator)
        x0 = torch.randn(drawn.samples.shape, generator=generator)
        return cls.between(x0, drawn, t, torch.arange(len(t)) % 2 == 0, network, convention)

    @torch.no_grad()
    def answers(self, network: VelocityNetwork, convention: Convention) -> Tensor:
        """What the network says at the points if they are of this convention, ``[n, *shape]``.

        Raises:
            ValueError: The network raises an error, or its output is not finite; names the time.
        """
        affine = convention.at(self.t)
        x = self.x * broadcast(affine.input, self.x)
        rows = range(0, len(x), BLOCK)
        try:
            out = torch.cat([self._raw(network, x, affine.time, i) for i in rows])
        except Exception as error:  # a third-party network may raise anything
            said = f"{type(error).__name__}: {error}"
            raise ValueError(f"network: cannot be evaluated at t = 0 .. 1: {said}") from error
        wrong = ~affine.velocity(self.x, out).flatten(1).isfinite().all(1)
        if wrong.any():
            raise ValueError(f"network: its velocity is not finite at t = {self.t[wrong][0]:g}")
        return out

    def _raw(self, network: VelocityNetwork, x: Tensor, told: Tensor, first: int) -> Tensor:
        """What it says in the block that begins with this row."""
        block = slice(first, first + BLOCK)
        at = self.rows(block)
        return network.raw(x[block], told[block], at.label, **at.given)


def check_finite(network: VelocityNetwork, source: Source) -> None:
    """Check that the velocity is finite at the times of solvers, including t = 0 and t = 1.

    Raises:
        ValueError: It is not; the message begins with ``network`` and names the time.
    """
    times = torch.linspace(0, 1, TIMES).repeat_interleave(DRAWS_EACH)
    own = network.convention
    Draws.make(source, times, network, own).answers(network, own)


def misfit(draws: Draws, convention: Convention, said: Tensor) -> float:
    """How far what a network says is from the regression of its own target, ``E[u | x_t, t]``.

    The target is the velocity, the noise, or what else the convention has it predict. The residual
    ``u - v`` of the regression is uncorrelated with every function of the point, such as ``f = v``
    and ``f = x_t``. The misfit is the largest ``|E[(u - v) f]| / sqrt(E[f f] E[v v])`` over both
    functions and :data:`BANDS` bands of time, where only the excess of the mean over three standard
    errors counts. It is 0 for the regression and 2 for the opposite sign. ``E[v v]`` is at least
    :data:`LEAST` of ``E[u u]``, since the velocity of data that resemble the noise vanishes in the
    middle of the path. The number of draws is a multiple of the bands; ``said`` has the answers
    there, ``[n, *shape]``.
    """
    v, u = said, convention.at(draws.t).said(draws.x, draws.u)

    def banded(z: Tensor) -> Tensor:
        return z.double().flatten(1).mean(1).reshape(BANDS, -1)

    least = LEAST * banded(u.square()).mean(1)
    power = banded(v.square()).mean(1).maximum(least)
    found = 0.0
    for f in (v, draws.x):
        excess = banded((u - v) * f)
        error = excess.std(1) / excess.shape[1] ** 0.5
        certain = (excess.mean(1).abs() - 3 * error).clamp(min=0)
        size = (banded(f.square()).mean(1) * power).sqrt()
        found = max(found, float((certain / size).nan_to_num(0).max()))
    return found


@dataclass(frozen=True)
class Assessment:
    """How well a network predicts what its convention says of data.

    Attributes:
        share: Share of the mean square velocity that it explains, at most 1; larger is better.
        misfit: See :func:`misfit`.
        problem: Why it is not a velocity of the data, and what it seems to be; ``None`` if it is.
    """

    share: float
    misfit: float
    problem: str | None


def assess(network: VelocityNetwork, source: Source) -> Assessment:
    """Assess whether a network is a velocity of the data.

    It is one if no other reading of what it says leaves clearly less of the velocity unexplained
    (:func:`~sureflow.training.lead.clearly_ahead`), and its :func:`misfit` is at most
    :data:`NEARLY`.

    Raises:
        ValueError: It cannot be evaluated, or is not finite; the message begins with ``network``.
    """
    own, times = network.convention, torch.linspace(FIRST, LAST, DRAWS)
    draws = Draws.make(source, times, network, own)
    said = draws.answers(network, own)
    here = at_a_place(own.path.description(), own.time, "")
    losses = _losses(draws, said, here)
    left, off = _unexplained(draws, own, said), misfit(draws, own, said)
    sparse = Draws.make(source, times[::SPARSE], network, own)
    few = _unexplained(sparse, own, sparse.answers(network, own))
    for place in readings():
        there = place[0].convention
        with suppress(ValueError):  # the network may not be defined at these times
            some = Draws.make(source, times[::SPARSE], network, there)
            found = _losses(some, some.answers(network, there), place)
            if off > MOST or any(lead(few, loss) > FAR for _, loss in found):
                others = Draws.make(source, times, network, there)
                losses += _losses(others, others.answers(network, there), place)
    ahead = [found for found in losses if clearly_ahead(left, found[1])]
    likely, _ = min(ahead, key=lambda found: float(found[1].mean()), default=(None, left))
    present = float(left.mean())
    if likely is None and off <= NEARLY and present <= WORST:
        return Assessment(1 - present, off, None)
    what = PREDICTED[own.prediction].removeprefix("a prediction of ")
    where = "" if own.plain else f" on the path {own.path.description()['kind']}"
    reason = f"does not predict {what}{where} of these data"
    reason = f"{reason} (misfit {off:.2f}, {1 - present:.0%} explained)"
    if likely is None:
        problem = f"{reason}, nor what any other convention does: {OTHER_CAUSES}"
    else:
        problem = f"{reason}; it seems to be {likely.says}: set {likely.settings(own)}"
    return Assessment(1 - present, off, problem)


def _unexplained(draws: Draws, convention: Convention, said: Tensor) -> Tensor:
    """What a network leaves unexplained at each draw ``[n]``; the mean is a share of the velocity.

    It is a share of the mean square of the velocity of all draws.
    """
    v = convention.at(draws.t).velocity(draws.x, said)
    rows = (draws.u - v).double().square().flatten(1).mean(1)
    return rows / draws.u.double().square().mean()


def _losses(draws: Draws, said: Tensor, place: list[Reading]) -> list[tuple[Reading, Tensor]]:
    """What is unexplained under every reading under which the answers are a regression, ``[n]``."""
    return [
        (one, _unexplained(draws, one.convention, said))
        for one in place
        if misfit(draws, one.convention, said) <= MOST
    ]
