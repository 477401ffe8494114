"""Fitting a checkpoint's time grid to the errors that solvers make on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from sureflow.core.arrays import Floats
from sureflow.core.draw import Purpose, normal
from sureflow.families.flow.grid import STEEPEST, Grid, uniform
from sureflow.families.flow.tableau import TABLEAUS
from sureflow.model import Model
from sureflow.networks import VelocityNetwork
from sureflow.stamp import LEARNED_FROM, NETWORK

METHOD, COUNTS = "heun", (4, 8, 16)
"""What a grid is fitted for: the default method at 8, 16 and 32 evaluations."""

KNOTS = 5
PENALTY = 0.1
"""Weight of the mean square of the log-density, in units of the logarithm of the error."""

ROUNDS, FIRST_MOVE, ENOUGH = 4, 0.6, 0.03
"""Rounds of the search, its first moves in log-density, and what a round must bring to go on so."""

ROUNDING = 1e-14
"""Mean squares far below this are rounding, and no grid shall be sought for that."""

TRUTH_STEPS = 48
BLOCK = 1024


@dataclass(frozen=True)
class Draws:
    """Starts of trajectories, their true end points, and how many draws each stands for.

    Shapes: ``start`` and ``end`` ``[n, *shape]``, ``label`` and ``weight`` ``[n]``.
    """

    start: Tensor
    label: Tensor
    end: Tensor
    weight: Tensor

    def squares(self, network: VelocityNetwork, method: str, times: Floats) -> Tensor:
        """Mean square of every draw's end-point error on a grid, ``[n]``."""
        ends = solve(network, self.start, self.label, method, times)
        return (ends - self.end).square().flatten(1).mean(1).double()


def fit_grid(
    model: Model,
    draws: int = 24,
    hardest: int | None = None,
    seed: int = 2_000_003,
    quiet: bool = False,
) -> Grid:
    """Find the density of steps with the least end-point error.

    Minimises the mean logarithm of the rms end-point error over :data:`COUNTS`, on reference draws
    with labels in turn, plus a penalty that keeps the grid uniform where nothing speaks for more.
    The rms is dominated by the rare draws that come close to a border between modes, whose error
    says more than that of a thousand others; so that they are met, many draws may be made of which
    the hardest stay, and as many of the others, each of which then stands for several.

    Args:
        model: The model; a grid that it has is not used.
        draws: Reference draws.
        hardest: How many of the hardest of them to fit to; all draws if not given.
        seed: Seed of the reference draws, kept apart from seeds that people like to use.
        quiet: No progress bar.

    Raises:
        ValueError: ``hardest`` is more than half of the draws.
    """
    if hardest is not None and not 1 <= hardest <= draws // 2:
        raise ValueError(f"hardest: {hardest} is not in 1 .. {draws // 2}, half of the draws")
    network = model.network
    reference = make_draws(model, draws, seed)
    if hardest is not None:
        reference = choose(network, reference, hardest, seed)

    def cost(knots: Floats) -> float:
        return (
            mean_log_error(network, reference, Grid(knots)) + PENALTY * float(knots @ knots) / KNOTS
        )

    best = np.zeros(KNOTS)
    with tqdm(disable=quiet, unit="grid", desc=model.card.name) as bar:
        for found, value in search(cost, np.zeros(KNOTS)):
            best = found
            bar.update()
            bar.set_postfix_str(f"mean log error {value:.3f}")
    settings = {
        "method": METHOD,
        "steps": list(COUNTS),
        "draws": draws,
        "hardest": hardest,
        "seed": seed,
        "gain": mean_log_error(network, reference, Grid(np.zeros(KNOTS)))
        - mean_log_error(network, reference, Grid(best)),
        LEARNED_FROM: {NETWORK: model.digests.get(NETWORK)},
    }
    return Grid(best, settings)


def solve(network: VelocityNetwork, x: Tensor, label: Tensor, method: str, times: Floats) -> Tensor:
    """End points of starts ``x [n, *shape]`` by one method on one grid, without variances."""
    parts = (slice(first, first + BLOCK) for first in range(0, len(x), BLOCK))
    return torch.cat([_solve(network, x[part], label[part], method, times) for part in parts])


@torch.inference_mode()
def _solve(
    network: VelocityNetwork, x: Tensor, label: Tensor, method: str, times: Floats
) -> Tensor:
    tableau = TABLEAUS[method]
    before, last_h = None, 0.0
    for t, h in zip(times[:-1].tolist(), np.diff(times).tolist(), strict=True):
        stages: list[Tensor] = []

        def evaluate(x: Tensor, t: float, stages: list[Tensor] = stages) -> Tensor:
            stages.append(network(x, torch.full((len(x),), t, device=x.device), label))
            return stages[-1]

        first = evaluate(x, t)
        if tableau.multistep and before is not None:
            half = h / last_h / 2
            x = x + h * ((1 + half) * first - half * before)
        else:
            for stage in range(1, tableau.stages - tableau.fsal):
                y = _combined(x, h, tableau.a[stage], stages)
                evaluate(y, t + tableau.c[stage] * h)
            x = _combined(x, h, tableau.b, stages)
        before, last_h = first, h
    return x


def _combined(x: Tensor, h: float, weights: tuple[float, ...], stages: list[Tensor]) -> Tensor:
    for weight, stage in zip(weights, stages, strict=False):
        if weight:
            x = x + h * weight * stage
    return x


def make_draws(model: Model, count: int, seed: int) -> Draws:
    """Draw starts, labels taking turns, and follow them on a fine grid."""
    network, shape = model.network, model.card.shape
    start = torch.stack([normal(shape, seed, index, Purpose.START) for index in range(count)])
    start, label = start.to(network.device), torch.arange(count) % max(network.classes, 1)
    label = label.to(network.device)
    end = solve(network, start, label, "rk4", uniform(TRUTH_STEPS))
    return Draws(start, label, end, torch.full((count,), 1 / count, dtype=torch.float64))


def choose(network: VelocityNetwork, draws: Draws, hardest: int, seed: int) -> Draws:
    """Keep the hardest draws, and as many of the others at random, weighted to stand for all.

    A draw is as hard as its largest share in the errors on three grids, so that draws which are
    hard on another grid than the uniform one are met too.
    """
    shares = []
    for knots in ([0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]):
        for steps in COUNTS:
            squares = draws.squares(network, METHOD, Grid(np.array(knots)).times(steps))
            shares.append(squares / squares.sum())
    order = torch.stack(shares).amax(0).argsort(descending=True)
    others = order[hardest:]
    generator = torch.Generator().manual_seed(seed)
    some = others[torch.randperm(len(others), generator=generator)[:hardest].to(others.device)]
    kept = torch.cat([order[:hardest], some])
    weight = draws.weight[kept]
    weight[hardest:] *= len(others) / hardest
    return Draws(draws.start[kept], draws.label[kept], draws.end[kept], weight)


def mean_log_error(network: VelocityNetwork, draws: Draws, grid: Grid) -> float:
    """Logarithm of the rms end-point error, averaged over step counts."""
    means = [draws.squares(network, METHOD, grid.times(n)) @ draws.weight for n in COUNTS]
    return float(np.mean([0.5 * np.log(float(mean) + ROUNDING) for mean in means]))


def search(cost: Callable[[Floats], float], start: Floats) -> Iterator[tuple[Floats, float]]:
    """Minimise a rough function of few variables; yields the best point after every evaluation.

    In every round each variable is moved up and down. A parabola through the three values says how
    far to move it, and a point with all these moves is tried. Moves are halved when a round brings
    little, so that the search looks at the large shape of the function and not at its roughness.
    """
    best, least, move = start, cost(start), FIRST_MOVE
    yield best, least
    for _ in range(ROUNDS):
        centre, middle = best, least
        together = centre.copy()
        for axis in range(len(centre)):
            values = []
            for sign in (-1, 1):
                point = centre.copy()
                point[axis] = np.clip(point[axis] + sign * move, -STEEPEST, STEEPEST)
                values.append(cost(point))
                if values[-1] < least:
                    best, least = point, values[-1]
                yield best, least
            together[axis] += move * _lowest(values[0], middle, values[1])
        together = np.clip(together, -STEEPEST, STEEPEST)
        value = cost(together)
        if value < least:
            best, least = together, value
        yield best, least
        if middle - least < ENOUGH:
            move /= 2


def _lowest(left: float, middle: float, right: float) -> float:
    """Where in [-1, 1] the parabola through values at -1, 0 and 1 is lowest."""
    bend = left - 2 * middle + right
    if bend <= 0:
        return float(np.sign(left - right))
    return float(np.clip((left - right) / (2 * bend), -1, 1))
