"""The samplers: which tokens become known in a step, which are masked again, and until when.

A token is known with probability ``t``. The value of one that becomes known is drawn from its
posterior by what is known before the step, so that several in one step are drawn as if they were
independent: the law is exact for one token at a time, and in the limit of many steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import floor

import numpy as np

from sureflow.core.arrays import Flags, Floats
from sureflow.families.tokens.spec import (
    ANCESTRAL,
    CONFIDENCE,
    FIRST_HITTING,
    REMASKING,
    TokenSpec,
)

SAME = 1e-9
"""Times this close are one."""

LATEST = 1 - 1e-9
"""Latest time at which a token becomes known that is not the last."""


@dataclass(frozen=True, slots=True)
class Step:
    """The beginning of a step of one lane.

    Attributes:
        t: Its time.
        masked: Which tokens are not known, ``[length]``.
        free: Which of the known ones may be masked again, ``[length]``.
        entropy: Entropy of the posterior of every token, ``[length]``.
        u: Uniform numbers in [0, 1) of this lane and step, ``[length]``.
        event: Two more of them, ``[2]``.
    """

    t: float
    masked: Flags
    free: Flags
    entropy: Floats
    u: Floats
    event: Floats


@dataclass(frozen=True, slots=True)
class Move:
    """What a step does.

    Attributes:
        revealed: The tokens that become known, ``[length]``.
        hidden: Those that are masked again, ``[length]``.
        until: The time at which the step ends.
    """

    revealed: Flags
    hidden: Flags
    until: float


def next_time(t: float, steps: int) -> float:
    """The next time of a grid of equal steps after ``t``."""
    return min((floor(t * steps + SAME * steps) + 1) / steps, 1.0)


def ancestral(step: Step, spec: TokenSpec) -> Move:
    """Each masked token becomes known with the probability of the reverse process.

    Source: Austin et al., Structured Denoising Diffusion Models in Discrete State-Spaces (2021);
    Sahoo et al. (2024).
    """
    until = next_time(step.t, spec.steps)
    chance = (until - step.t) / (1 - step.t)
    return Move(step.masked & (step.u < chance), _none(step), until)


def first_hitting(step: Step, spec: TokenSpec) -> Move:
    """One token becomes known, at the exact time at which the first of the masked ones does.

    The times at which they would are uniform on what is left, so that the first of ``m`` is at
    ``t + (1 - t)(1 - u^(1/m))``. Source: Zheng et al., Masked Diffusion Models are Secretly
    Time-Agnostic Masked Models (2025), whose sampler draws the same law with one token a step.
    """
    places = np.flatnonzero(step.masked)
    count, (which, when) = len(places), step.event.tolist()
    revealed = _none(step)
    if not count:
        return Move(revealed, revealed, 1.0)
    revealed[places[int(which * count)]] = True
    until = step.t + (1 - step.t) * (1 - (1 - when) ** (1 / count))
    return Move(revealed, _none(step), 1.0 if count == 1 else min(until, LATEST))


def confidence(step: Step, spec: TokenSpec) -> Move:
    """The masked tokens of least entropy become known, as many in every step that is left.

    They are chosen before their values are drawn, so that with one a step the law is exact.
    Source: Chang et al., MaskGIT (2022), which chooses by the values.
    """
    until = next_time(step.t, spec.steps)
    left = max(round((1 - step.t) * spec.steps), 1)
    count = -(-int(step.masked.sum()) // left)
    order = np.argsort(np.where(step.masked, step.entropy, np.inf), kind="stable")
    revealed = _none(step)
    revealed[order[:count]] = True
    return Move(revealed, _none(step), until)


def remasking(step: Step, spec: TokenSpec) -> Move:
    """As ancestral, and known tokens are masked again with probability ``sigma``.

    ``sigma = remask min(1, (1 - s) / t)`` for a step from ``t`` to ``s``; the masked ones become
    known with ``(s - (1 - sigma) t) / (1 - t)``, which keeps the law of the number of known tokens.
    Source: Wang et al., Remasking Discrete Diffusion Models with Inference-Time Scaling (2025),
    equations 3 and 7 (rescaled schedule).
    """
    until = next_time(step.t, spec.steps)
    most = min(1.0, (1 - until) / step.t) if step.t > 0 else 0.0
    sigma = spec.remask * most
    chance = (until - (1 - sigma) * step.t) / (1 - step.t)
    return Move(step.masked & (step.u < chance), step.free & (step.u < sigma), until)


UNMASKING: dict[str, Callable[[Step, TokenSpec], Move]] = {
    ANCESTRAL: ancestral,
    FIRST_HITTING: first_hitting,
    CONFIDENCE: confidence,
    REMASKING: remasking,
}
"""The samplers by name."""


def _none(step: Step) -> Flags:
    return np.zeros_like(step.masked)
