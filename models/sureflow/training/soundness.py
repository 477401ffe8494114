"""Whether a network is a velocity of its data: finite, and of the convention that solvers rely on.

Its variance would be learned, and its confidence calibrated, whatever it answers; so it is asked
before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from sureflow.core.path import broadcast, interpolate
from sureflow.networks import VelocityNetwork
from sureflow.training.data import Source

TIMES = 21
"""Times that a network must be finite at: those of the default solver, both ends included."""

DRAWS_EACH = 4
"""Draws at each of them."""

BANDS = 5
DRAWS = 1280
FIRST, LAST = 0.05, 0.95
"""Bands of time, draws in all of them, and where they begin and end."""

MOST = 0.3
"""Misfit of a velocity. Trained networks of the right convention came to 0.002 .. 0.22, those of
other conventions to 0.49 .. 2.0."""

OTHER_CAUSES = (
    "these may be other data or scaled otherwise, the network may be untrained, or trained on "
    "pairs of noise and data that are not independent, as by optimal transport or reflow"
)

BLOCK = 64

Clock = Callable[[Tensor], Tensor]
Reading = Callable[[Tensor, Tensor, Tensor], Tensor]

CLOCKS: dict[str, Clock] = {
    "": lambda t: t,
    " with t reversed (it takes t = 1 for noise)": lambda t: 1 - t,
    " with t in 0 .. 1000": lambda t: 1000 * t,
    " with t reversed, in 0 .. 1000 (it takes t = 1000 for noise)": lambda t: 1000 * (1 - t),
}
"""What else a network may call the time ``t``."""

READINGS: dict[str, Reading] = {
    "the velocity x1 - x0": lambda out, x, t: out,
    "the opposite velocity x0 - x1": lambda out, x, t: -out,
    "a prediction of the noise x0": lambda out, x, t: (x - out) / t,
    "a prediction of the data x1": lambda out, x, t: (out - x) / (1 - t),
}
"""What else it may answer, and the velocity that follows from it."""


@dataclass(frozen=True)
class Draws:
    """Points on paths from noise to data, ascending in time.

    Attributes:
        x: The points, ``[n, *shape]``.
        t: Their times, ``[n]``.
        u: ``x1 - x0``, ``[n, *shape]``.
        label: ``[n]``; every second one is the null label.
    """

    x: Tensor
    t: Tensor
    u: Tensor
    label: Tensor

    @classmethod
    def make(cls, source: Source, t: Tensor, network: VelocityNetwork) -> Draws:
        """Draw a path for each of these times."""
        generator = torch.Generator().manual_seed(0)
        x1, label = source.draw(len(t), generator)
        x0 = torch.randn(x1.shape, generator=generator)
        label[::2] = network.classes
        parts = interpolate(x0, x1, t), t, x1 - x0, label
        return cls(*(part.to(network.device) for part in parts))

    @torch.no_grad()
    def answers(self, network: VelocityNetwork, clock: Clock = lambda t: t) -> Tensor:
        """What the network answers at them, ``[n, *shape]``.

        Raises:
            ValueError: It raises something, or answers with what is not finite; names the time.
        """
        t = clock(self.t)
        blocks = zip(*(torch.split(part, BLOCK) for part in (self.x, t, self.label)), strict=True)
        try:
            out = torch.cat([network(*block) for block in blocks])
        except Exception as error:  # a third-party network may raise anything
            said = f"{type(error).__name__}: {error}"
            raise ValueError(f"network: cannot be evaluated at t = 0 .. 1: {said}") from error
        wrong = ~out.flatten(1).isfinite().all(1)
        if wrong.any():
            raise ValueError(f"network: its velocity is not finite at t = {t[wrong][0]:g}")
        return out


def check_finite(network: VelocityNetwork, source: Source) -> None:
    """Make sure that the velocity is finite where solvers ask for it, t = 0 and t = 1 included.

    Raises:
        ValueError: It is not; the message begins with ``network`` and names the time.
    """
    times = torch.linspace(0, 1, TIMES).repeat_interleave(DRAWS_EACH)
    Draws.make(source, times, network).answers(network)


def misfit(u: Tensor, v: Tensor) -> float:
    """How far a velocity is from being ``E[u | x_t, t]``, or that times any factor but one.

    Of that the residual ``u - v`` is independent, so that ``E[(u - v) v] = 0`` at every time. This
    is the largest ``|E[(u - v) v]| / E[v v]`` of :data:`BANDS` bands of time, as far as it is above
    three standard errors of its mean: 0 is right, 2 the opposite sign.

    Args:
        u: Targets ``x1 - x0``, ascending in time, ``[n, *shape]``; n is a multiple of the bands.
        v: The velocities.
    """
    excess, power = (
        z.double().flatten(1).mean(1).reshape(BANDS, -1) for z in ((u - v) * v, v.square())
    )
    error = excess.std(1) / excess.shape[1] ** 0.5
    certain = (excess.mean(1).abs() - 3 * error).clamp(min=0)
    ratio = torch.where(power.mean(1) > 0, certain / power.mean(1), inf)
    return float(ratio.nan_to_num(inf).max())


def doubt(network: VelocityNetwork, source: Source) -> str | None:
    """Why a network is no velocity of the data, and what it seems to be; ``None`` if it is one.

    Raises:
        ValueError: It cannot be evaluated, or is not finite; begins with ``network``.
    """
    times = torch.linspace(FIRST, LAST, DRAWS)
    draws = Draws.make(source, times, network)
    found = misfit(draws.u, draws.answers(network))
    if found <= MOST:
        return None
    reason = f"does not predict x1 - x0 of these data (misfit {found:.2f}, at most {MOST:g})"
    likely = _likely(network, draws)
    if likely is None:
        return f"{reason}, nor what any other convention does: {OTHER_CAUSES}"
    return f"{reason}; it seems to be {likely}: convert it in its module, to t = 1 for data"


def _likely(network: VelocityNetwork, draws: Draws) -> str | None:
    """The convention in which the network predicts best, in words; ``None`` if it never does."""
    losses: dict[str, float] = {}
    t = broadcast(draws.t, draws.x)
    for when, clock in CLOCKS.items():
        try:
            out = draws.answers(network, clock)
        except ValueError:  # made for other times
            continue
        for what, reading in READINGS.items():
            v = reading(out, draws.x, t)
            if misfit(draws.u, v) <= MOST:
                losses[what + when] = float((draws.u - v).square().mean())
    return min(losses, key=losses.__getitem__, default=None)
