"""Readings of solvers whose laws are known."""

import numpy as np
import pytest

from benchmarks.numerics.point import Tally
from benchmarks.numerics.reading import DRAWS, bootstrap, read

SAMPLES = 4000


def settings(costs, factor: float = 1.0, seed: int = 0) -> list[Tally]:
    """A solver of second order: rms is ``factor / cost^2``, wrong modes about ``2 / cost``."""
    rng = np.random.default_rng(seed)
    squares, luck = rng.exponential(size=SAMPLES), rng.random(SAMPLES)
    squares /= squares.mean()
    return [
        Tally(np.full(SAMPLES, float(cost)), factor**2 * squares / cost**4, luck < 2 / cost)
        for cost in costs
    ]


def test_a_power_law_is_read_exactly() -> None:
    reading = read(settings((8, 11, 14, 16)), 0.01, bootstrap(SAMPLES))
    assert reading is not None
    assert (reading.mean, reading.median, reading.tail) == pytest.approx((10, 10, 10))
    assert reading.settings == 3  # at 16 the error is more than 2.5 times smaller
    assert reading.wrong == pytest.approx(0.2, abs=0.02)
    assert reading.scatter == pytest.approx(0, abs=1e-9)
    assert 0 < reading.mean_error < 0.2


@pytest.mark.parametrize("costs", [(8, 12), (11, 12, 13), (7, 8, 9), (4, 5, 30, 40)])
def test_levels_are_not_read_from_afar(costs) -> None:
    assert read(settings(costs), 0.01, bootstrap(SAMPLES)) is None


def test_rough_settings_widen_the_error_and_do_not_move_the_reading() -> None:
    smooth = settings((8, 9, 10, 11, 12))
    rough = [
        Tally(t.evaluations, t.squares * scale, t.wrong)
        for t, scale in zip(smooth, (1.1, 0.9, 1.0, 0.9, 1.1), strict=True)
    ]
    draws = bootstrap(SAMPLES)
    readings = [read(curve, 0.01, draws) for curve in (smooth, rough)]
    assert readings[0] is not None
    assert readings[1] is not None
    assert readings[1].mean == pytest.approx(readings[0].mean, rel=0.02)
    assert readings[1].mean_error > 1.1 * readings[0].mean_error


def test_solvers_are_compared_on_the_same_draws() -> None:
    """Half the cost at the same errors is half the cost in every draw."""
    draws = bootstrap(SAMPLES)
    whole = settings((8, 9, 11, 12))
    half = [Tally(t.evaluations / 2, t.squares, t.wrong) for t in whole]
    mine, its = read(half, 0.01, draws), read(whole, 0.01, draws)
    assert mine is not None
    assert its is not None
    assert mine.over(its) == pytest.approx((0.5, 0), abs=1e-3)
    assert mine.more_wrong(its) == pytest.approx((0, mine.wrong_scatter * 2**0.5), abs=1e-3)
    assert mine.safely_over(its) == pytest.approx(0.5)
    assert its.safely_over(mine) == pytest.approx(2)


def test_fewer_wrong_modes_are_paid_for_with_evaluations() -> None:
    """Twice the wrong modes at equal error, falling as 1 / cost, take twice the evaluations."""
    draws = bootstrap(SAMPLES)
    its = settings((8, 9, 11, 12))
    rng = np.random.default_rng(1)
    luck = rng.random(SAMPLES)
    mine = [Tally(t.evaluations, t.squares, luck < 4 / t.evaluations) for t in its]
    readings = [read(curve, 0.01, draws) for curve in (mine, its)]
    assert readings[0] is not None
    assert readings[1] is not None
    assert readings[0].over(readings[1])[0] == pytest.approx(1)
    assert readings[0].safely_over(readings[1]) == pytest.approx(2, rel=0.15)


def test_a_bootstrap_draw_is_of_all_samples() -> None:
    shares = bootstrap(500)
    assert shares.shape == (DRAWS, 500)
    assert shares.sum(1) == pytest.approx(np.ones(DRAWS), rel=1e-5)


def test_the_error_of_a_mean_is_that_of_theory() -> None:
    """The bootstrap's standard error of wrong modes is near ``sqrt(p (1 - p) / n)``."""
    reading = read(settings((9, 9.5, 10, 10.5, 11)), 0.01, bootstrap(SAMPLES))
    assert reading is not None
    assert reading.wrongs.std() == pytest.approx((0.2 * 0.8 / SAMPLES) ** 0.5, rel=0.5)
