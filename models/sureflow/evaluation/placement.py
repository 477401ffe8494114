"""Fitting a checkpoint's time grid to the errors that solvers make on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from tqdm import tqdm

from sureflow.core.arrays import Floats
from sureflow.evaluation.evaluate import balanced
from sureflow.families.flow.grid import STEEPEST, Grid
from sureflow.families.flow.spec import FlowSpec
from sureflow.learned import LEARNED_FROM, NETWORK
from sureflow.model import Model
from sureflow.sampling.evaluator import evaluators
from sureflow.sampling.sample import run

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
CAPACITY = 256
UNIFORM = Grid(np.zeros(2))


@dataclass(frozen=True, eq=False)
class Draws:
    """Lanes, their true end points, and how many draws each stands for.

    Attributes:
        model: The model.
        specs: Lanes that differ in index and label alone, ``[n]``.
        ends: Where they end on a fine grid, ``[n, size]``.
        weight: ``[n]``.
    """

    model: Model
    specs: Sequence[FlowSpec]
    ends: Floats
    weight: Floats

    def squares(self, method: str, steps: int, grid: Grid) -> Floats:
        """Mean square of every draw's end-point error on a grid, ``[n]``."""
        ends = solve(self.model, self.specs, method, steps, grid)
        squares: Floats = np.square(ends - self.ends).mean(1)
        return squares

    def mean_log_error(self, grid: Grid) -> float:
        """Logarithm of the rms end-point error, averaged over :data:`COUNTS`."""
        means = [float(self.squares(METHOD, steps, grid) @ self.weight) for steps in COUNTS]
        return float(np.mean([0.5 * np.log(mean + ROUNDING) for mean in means]))


def fit_grid(
    model: Model,
    draws: int = 24,
    hardest: int | None = None,
    seed: int = 2_000_003,
    quiet: bool = False,
) -> Grid:
    """Find the density of steps with the least end-point error.

    Minimises the mean logarithm of the rms end-point error over :data:`COUNTS`, on reference draws
    with labels in turn. A penalty keeps the grid uniform where the error does not tell. Rare draws
    that come close to a border between modes dominate the rms; to meet them, many draws can be made
    of which only the ``hardest`` are kept, and as many of the others, which stand for several each.

    Raises:
        ValueError: ``hardest`` is more than half of the draws.
    """
    if hardest is not None and not 1 <= hardest <= draws // 2:
        raise ValueError(f"hardest: {hardest} is not in 1 .. {draws // 2}, half of the draws")
    reference = make_draws(model, draws, seed)
    if hardest is not None:
        reference = choose(reference, hardest, seed)

    def cost(knots: Floats) -> float:
        return reference.mean_log_error(Grid(knots)) + PENALTY * float(knots @ knots) / KNOTS

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
        "gain": reference.mean_log_error(UNIFORM) - reference.mean_log_error(Grid(best)),
        LEARNED_FROM: {NETWORK: model.digests.get(NETWORK)},
    }
    return Grid(best, settings)


def solve(model: Model, specs: Sequence[FlowSpec], method: str, steps: int, grid: Grid) -> Floats:
    """End points of lanes by one method in so many steps of a grid, ``[n, size]``."""
    evaluators(model)  # verified once, not on every grid
    on_grid = [replace(spec, method=method, steps=steps, grid="fitted") for spec in specs]
    samples = run(model.varied(grid=grid, calibration=None), on_grid, min(CAPACITY, len(specs)))
    return np.stack([sample.data for sample in samples]).reshape(len(specs), -1).astype(np.float64)


def make_draws(model: Model, count: int, seed: int) -> Draws:
    """Make draws, labels taking turns, and solve them on a fine grid."""
    specs = balanced(model, range(count), seed)
    ends = solve(model, specs, "rk4", TRUTH_STEPS, UNIFORM)
    return Draws(model, specs, ends, np.full(count, 1 / count))


def choose(draws: Draws, hardest: int, seed: int) -> Draws:
    """Keep the hardest draws, and as many of the others at random, weighted to stand for all.

    A draw is as hard as its largest share in the errors on three grids; some draws are hard on
    other grids than the uniform one.
    """
    grids = [Grid(np.array(knots)) for knots in ([0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0])]
    squares = np.array([draws.squares(METHOD, n, grid) for grid in grids for n in COUNTS])
    order = np.argsort(-(squares / squares.sum(1, keepdims=True)).max(0), kind="stable")
    others = order[hardest:]
    some = np.random.default_rng(seed).permutation(others)[:hardest]
    kept = np.concatenate([order[:hardest], some])
    weight = draws.weight[kept]
    weight[hardest:] *= len(others) / hardest
    return Draws(draws.model, [draws.specs[i] for i in kept], draws.ends[kept], weight)


def search(cost: Callable[[Floats], float], start: Floats) -> Iterator[tuple[Floats, float]]:
    """Minimise a rough function of few variables; yields the best point after every evaluation.

    Every round moves each variable up and down, fits a parabola to the three values, and tries a
    point that has all variables where their parabolas are lowest. A round that brings little halves
    the moves. So the search sees the large shape of the function and not its roughness.
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
