"""Solvers of the literature that are not served, each as plain as its paper has it.

All go by the clock of flows, on which a state is ``y = alpha x1 + sigma x0`` with
``alpha = t + (1 - t) a`` and ``sigma = (1 - t) b``. They ask for the expected data ``D(y, t)``; ``l
= log(alpha / sigma)``. One evaluation a step, but for Restart.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Tensor

from sureflow.core.arrays import Floats

Data = Callable[[Tensor, float], Tensor]
"""The expected data at states ``[n, *shape]`` and a time."""

Noise = Callable[[int], Tensor]
"""Fresh noise ``[n, *shape]`` of a step."""


@dataclass(frozen=True)
class Problem:
    """What a solver is given.

    Attributes:
        data: The expected data.
        start: The states at ``t = 0``.
        fresh: Noise of the steps.
        coupling: ``a, b``.
        grid: Times of so many steps, ``[steps + 1]``.
        evaluations: How many there may be.
    """

    data: Data
    start: Tensor
    fresh: Noise
    coupling: tuple[float, float]
    grid: Callable[[int], Floats]
    evaluations: int

    def alpha(self, t: float) -> float:
        """Factor of the data."""
        return t + (1 - t) * self.coupling[0]

    def sigma(self, t: float) -> float:
        """Factor of the noise."""
        return (1 - t) * self.coupling[1]

    def level(self, t: float) -> float:
        """``l``."""
        alpha, sigma = self.alpha(t), self.sigma(t)
        return math.log(alpha / sigma) if alpha and sigma else math.inf * (1 if alpha else -1)

    def ratio(self, t: float) -> float:
        """``sigma / alpha``."""
        return math.exp(-self.level(t))

    def euler(self, y: Tensor, data: Tensor, s: float, e: float) -> Tensor:
        """A step with these data."""
        return y + (e - s) / (1 - s) * (data - y)


Solver = Callable[[Problem], Tensor]


def exponential_noise(problem: Problem) -> Tensor:
    """Adams-Bashforth of order 2 of the expected noise along ``l``, integrated exactly.

    DEIS (Zhang and Chen, 2023) with polynomials of ``l``.
    """
    times, y, before = problem.grid(problem.evaluations), problem.start, None
    for s, e in itertools.pairwise(times):
        data = problem.data(y, s)
        noise = (y - problem.alpha(s) * data) / problem.sigma(s)
        level, h = problem.level(s), problem.level(e) - problem.level(s)
        if before is None or not math.isfinite(before[0]):
            y_next = problem.euler(y, data, s, e)
        else:
            rise = (noise - before[1]) / (level - before[0])
            low, high = math.exp(-level), problem.ratio(e)
            bent = low - high * (1 + h) if math.isfinite(h) else low
            y_next = problem.alpha(e) * (y / problem.alpha(s) - noise * (low - high) - rise * bent)
        before, y = (level, noise), y_next
    return y


def unipc(problem: Problem, order: int) -> Tensor:
    """UniPC (Zhao et al., 2023) with ``B(h) = e^h - 1`` and data prediction, of this order."""
    times, y = problem.grid(problem.evaluations), problem.start
    said: list[tuple[float, Tensor]] = []
    last: Tensor | None = None
    used = 0
    for number, (s, e) in enumerate(itertools.pairwise(times)):
        data = problem.data(y, s)
        if last is not None:
            y = _unified(problem, last, said, times[number - 1], s, used, data)
        said.append((problem.level(s), data))
        used = min(order, number + 1, len(times) - 1 - number)
        last = y
        y = _unified(problem, y, said, s, e, used, None)
    return y


def _unified(
    problem: Problem,
    y: Tensor,
    said: list[tuple[float, Tensor]],
    s: float,
    e: float,
    order: int,
    data: Tensor | None,
) -> Tensor:
    """UniP, or, with the data at the end of the step, UniC; with their limits for ``h = inf``."""
    level, newest = said[-1]
    h = problem.level(e) - level
    y_next = problem.euler(y, newest, s, e)
    if not math.isfinite(h):
        return y_next if data is None else y_next + problem.alpha(e) / 2 * (data - newest)
    places = [(said[-k][0] - level) / h for k in range(2, order + 1)]
    differences = [
        (said[-k][1] - newest) / ((said[-k][0] - level) / h) for k in range(2, order + 1)
    ]
    if data is not None:
        places, differences = [*places, 1.0], [*differences, data - newest]
    if not places:
        return y_next
    size, b, part, factorial = math.expm1(-h), [], math.expm1(-h) / -h - 1, 1
    for k in range(1, len(places) + 1):
        b.append(part * factorial / size)
        factorial *= k + 1
        part = part / -h - 1 / factorial
    if len(places) == 1:
        weights = np.array([0.5])
    else:
        near = np.flatnonzero(np.isfinite(places))  # what is infinitely far has no weight
        powers = np.array([np.power(np.array(places)[near], k) for k in range(len(near))])
        weights = np.zeros(len(places))
        weights[near] = np.linalg.solve(powers, b[: len(near)])
    for weight, difference in zip(weights, differences, strict=True):
        y_next = y_next - problem.alpha(e) * size * float(weight) * difference
    return y_next


def stochastic_adams(problem: Problem, tau: float) -> Tensor:
    """The predictor of SA-Solver (Xue et al., 2023) of two steps, at a constant noise scale."""
    times, y, before = problem.grid(problem.evaluations), problem.start, None
    k = 1 + tau**2
    for number, (s, e) in enumerate(itertools.pairwise(times)):
        data = problem.data(y, s)
        level, h = problem.level(s), problem.level(e) - problem.level(s)
        mean = data
        if before is not None and math.isfinite(h) and math.isfinite(before[0]):
            reach = h / -math.expm1(-k * h) - 1 / k
            mean = data + reach / (level - before[0]) * (data - before[1])
        kept = math.exp(-(tau**2) * h)
        y = (
            problem.sigma(e) / problem.sigma(s) * kept * y
            + problem.alpha(e) * -math.expm1(-k * h) * mean
            + problem.sigma(e) * math.sqrt(1 - kept**2) * problem.fresh(number)
        )
        before = (level, data)
    return y


def extended_reverse(problem: Problem) -> Tensor:
    """ER-SDE-Solver-2 (Cui et al., 2023) with their fifth noise scale."""

    def scale(ratio: float | Floats) -> float | Floats:
        return ratio * (np.exp(np.power(ratio, 0.3)) + 10)

    times, y, before = problem.grid(problem.evaluations), problem.start, None
    for number, (s, e) in enumerate(itertools.pairwise(times)):
        data = problem.data(y, s)
        high, low = problem.ratio(s), problem.ratio(e)
        if not math.isfinite(high):
            y = problem.euler(y, data, s, e)
            continue
        kept = float(scale(low) / scale(high))
        y_next = kept * y / problem.alpha(s) + (1 - kept) * data
        if before is not None and low:
            between = np.linspace(low, high, 400)
            area = float(np.trapezoid(1 / np.asarray(scale(between)), between))
            rise = (data - before[1]) / (high - before[0])
            y_next = y_next + (low - high + float(scale(low)) * area) * rise
        spread = math.sqrt(max(low**2 - (high * kept) ** 2, 0.0))
        y = problem.alpha(e) * (y_next + spread * problem.fresh(number))
        before = (high, data)
    return y


def restart(problem: Problem, low: float, high: float, steps: int) -> Tensor:
    """Heun's method with one Restart (Xu et al., 2023) of so many steps between two ratios."""
    main = problem.evaluations // 2 - steps
    times = list(problem.grid(main))
    ratios = np.array([problem.ratio(t) for t in times[:-1]])
    end = int(np.abs(np.log(ratios / low)).argmin())
    again = np.geomspace(max(high, 1.01 * ratios[end]), ratios[end], steps + 1)
    a, b = problem.coupling
    shares = again / (1 + again)
    left = b * (1 - shares) - shares * a
    back = [*(left / (left + shares))[:-1].tolist(), times[end]]
    y = _heun(problem, problem.start, times[: end + 1])
    more = math.sqrt(again[0] ** 2 - ratios[end] ** 2)
    y = (y / problem.alpha(times[end]) + more * problem.fresh(0)) * problem.alpha(back[0])
    return _heun(problem, _heun(problem, y, back), times[end:])


def _heun(problem: Problem, y: Tensor, times: Sequence[float]) -> Tensor:
    for s, e in itertools.pairwise(times):
        first = (problem.data(y, s) - y) / (1 - s)
        y_next = y + (e - s) * first
        if e < 1:  # the last step is Euler's (Karras et al., 2022, algorithm 1)
            second = (problem.data(y_next, e) - y_next) / (1 - e)
            y_next = y + (e - s) / 2 * (first + second)
        y = y_next
    return y


CANDIDATES: dict[str, Solver] = {
    "unipc of order 3": partial(unipc, order=3),
    "deis of order 2": exponential_noise,
    "sa-solver, noise scale 0.5": partial(stochastic_adams, tau=0.5),
    "sa-solver, noise scale 1": partial(stochastic_adams, tau=1.0),
    "er-sde of order 2": extended_reverse,
    "restart, 0.1 to 0.3": partial(restart, low=0.1, high=0.3, steps=2),
    "restart, 0.5 to 2": partial(restart, low=0.5, high=2.0, steps=2),
}
