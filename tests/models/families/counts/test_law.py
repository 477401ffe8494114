"""The samplers make the law that their network knows: the master equation, and Monte Carlo."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch

from sureflow.core.arrays import Floats
from sureflow.families.counts.posterior import Posterior
from sureflow.families.counts.spec import CountSpec
from sureflow.model import Model
from sureflow.networks.count_bridge import CountBridge, binomial
from sureflow.sampling.sample import run

from .conftest import MOST, PAIRS, TWO_PEAKS


def variation(one: Floats, other: Floats) -> float:
    """Total variation of two laws."""
    return 0.5 * float(np.abs(one - other).sum())


DRAWS = 1500
FLOOR = 0.5 * float(np.sqrt(2 / np.pi * TWO_PEAKS * (1 - TWO_PEAKS) / DRAWS).sum())
"""Expected variation of so many exact draws."""


def drawn(model: Model, method: str, steps: int, count: int = DRAWS) -> Floats:
    samples = run(model, [CountSpec(7, i, method, steps) for i in range(count)], 512)
    found = np.bincount([int(sample.data[0]) for sample in samples], minlength=MOST + 1)
    return found / count


@pytest.mark.parametrize("steps", [5, 30])
def test_the_bridge_is_at_the_floor_in_few_steps(peaks: Model, steps: int) -> None:
    assert variation(drawn(peaks, "bridge", steps), TWO_PEAKS) < 1.6 * FLOOR


def test_rates_come_there_as_steps_become_short(peaks: Model) -> None:
    far, near = (variation(drawn(peaks, "tau", steps), TWO_PEAKS) for steps in (6, 60))
    assert near < 1.6 * FLOOR + 0.03 < far
    lag, later = (variation(drawn(peaks, "unit", steps), TWO_PEAKS) for steps in (15, 150))
    assert later < 1.6 * FLOOR + 0.03 < 0.15 < lag


def marginal(bridge: CountBridge, t: float) -> Floats:
    """Law of ``x_t``, by enumeration of both ends."""
    found = np.zeros(MOST + 1)
    for (start, a), (end, b) in product(enumerate(bridge.law), enumerate(TWO_PEAKS)):
        k = np.arange(MOST + 1)
        moved = binomial(np.abs(k - start), np.full_like(k, abs(end - start)), t)
        found += a * b * np.where(np.sign(k - start) * np.sign(end - start) >= 0, moved, 0)
    return found


def test_the_rates_carry_the_source_to_the_data(peaks: Model) -> None:
    """Master equation ``dp/dt = Q_t^T p`` with the mean rates of the posterior."""
    bridge, states = peaks.network.bridge, np.arange(MOST + 1)
    p = np.zeros(MOST + 1)
    p[: len(bridge.law)] = bridge.law
    steps = 200
    for number in range(steps):
        t = number / steps
        births, deaths = np.zeros(MOST + 1), np.zeros(MOST + 1)
        log_p = peaks.network(
            torch.from_numpy(states[:, None]),
            torch.full((MOST + 1,), t),
            torch.zeros(MOST + 1).long(),
        ).numpy()
        for state in states:
            up, down = Posterior.of(log_p[state]).rates(np.array([state]), 1 - t)
            births[state], deaths[state] = up[0], down[0]
        births[-1] = deaths[0] = 0
        if number == steps // 2:
            assert variation(p, marginal(bridge, t)) < 0.02
        flow = -(births + deaths) * p
        flow[1:] += births[:-1] * p[:-1]
        flow[:-1] += deaths[1:] * p[1:]
        p = p + flow / steps
    assert variation(p, TWO_PEAKS) < 0.02


def test_rates_of_a_known_end() -> None:
    """At ``x = 2``, ``x1 = 6``, ``t = 1/2``: 8 births per unit time, no deaths; at 0 none die."""
    sure = Posterior.of(np.where(np.arange(10) == 6, 0.0, -np.inf)[None])
    births, deaths = sure.rates(np.array([2]), 0.5)
    assert (births[0], deaths[0]) == (8, 0)
    births, deaths = sure.rates(np.array([9]), 0.5)
    assert (births[0], deaths[0]) == (0, 6)


def test_components_that_depend_on_each_other_are_made_together(pairs: Model) -> None:
    samples = run(pairs, [CountSpec(3, i, "bridge", 40) for i in range(1500)], 512)
    seen = Counter(tuple(map(int, sample.data)) for sample in samples)
    found = np.array([seen[pair] / 1500 for pair in PAIRS])
    assert found.sum() > 0.95, "hardly any lies between"
    assert np.abs(found - [*PAIRS.values()]).max() < 0.06


def test_a_label_and_its_guidance(kinds: Model) -> None:
    def share(label: int | None, scale: float = 1.0) -> float:
        lanes = [CountSpec(1, i, "bridge", 10, label, scale) for i in range(800)]
        return float(np.mean([sample.data[0] == 9 for sample in run(kinds, lanes, 512)]))

    assert share(1) == pytest.approx(0.9, abs=0.03)
    assert share(0) == pytest.approx(0.1, abs=0.03)
    assert share(None) == pytest.approx(0.5, abs=0.05)
    assert share(1, 3.0) > 0.97
