"""The rates by themselves, without any steps: births and deaths simulated one after another."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sureflow.core.arrays import Floats
from sureflow.model import Model

from .conftest import Make

PAIRS = {(0, 3): 0.5, (3, 0): 0.3, (1, 1): 0.2}
"""Vectors of two small counts that depend on each other."""

Integers = npt.NDArray[np.int64]

LAST = 9.0
"""End of a simulation, in the time ``s = -log(1 - t)``: an event is left with a chance of about
``exp(-LAST)`` for each count."""


GROUPS, GROUP = 25, 30
"""Clocks, and states that share each."""


def rates(model: Model, x: Integers, s: float) -> Floats:
    """Births, then deaths, of states ``x [n, d]`` per unit of ``s``: ``[n, 2 d]``.

    In that time they are the numbers that are expected until the end, which are bounded.
    """
    t = torch.tensor([-np.expm1(-s)], dtype=torch.float32).expand(len(x))
    log_p = model.network(torch.from_numpy(x), t, torch.zeros(len(x)).long())
    p = log_p.double().exp().numpy()
    left = np.arange(p.shape[-1]) - x[..., None]
    sides = (np.maximum(left, 0), np.maximum(-left, 0))
    return np.concatenate([(p * side).sum(-1) for side in sides], 1)


def simulated(model: Model, seed: int) -> tuple[Integers, Integers]:
    """Ends ``[GROUP, d]`` of some states with one clock, and the events of each, ``[GROUP]``.

    The clock runs at a bound of the rates, and events are thinned (Lewis and Shedler, 1979), so
    that they are those of rates that change between them.
    """
    noise, law = np.random.default_rng(seed), model.network.bridge.law
    (size,), most = model.network.shape, model.network.most
    x = noise.choice(len(law), (GROUP, size), p=law / law.sum()).astype(np.int64)
    s, events, bound = 0.0, np.zeros(GROUP, np.int64), float(size * most)
    while (s := s + noise.exponential(1 / bound)) < LAST:
        below = np.cumsum(rates(model, x, s), 1) / bound
        chosen = (noise.random(GROUP)[:, None] >= below).sum(1)
        happens = np.flatnonzero(chosen < 2 * size)
        which = chosen[happens]
        x[happens, which % size] += np.where(which < size, 1, -1)
        events[happens] += 1
    return x, events


def test_births_and_deaths_one_after_another_have_the_law_of_the_data(make: Make) -> None:
    table = {"rows": [*map(list, PAIRS)], "weights": [*PAIRS.values()], "mean": 0.5, "most": 4}
    pairs = make("events", {"kind": "count_table", **table})
    shares = np.array([*PAIRS.values()])
    with torch.inference_mode():
        groups = [simulated(pairs, seed) for seed in range(GROUPS)]
    ends, events = (np.concatenate(each) for each in zip(*groups, strict=True))
    count = len(ends)
    seen = Counter(map(tuple, ends.tolist()))
    found = np.array([seen[pair] / count for pair in PAIRS])
    deviation = np.sqrt(shares * (1 - shares) / count)
    assert (np.abs(found - shares) < 4 * deviation + 2 * 2 * np.exp(-LAST)).all(), found
    least = expected_distance(pairs)
    assert events.mean() > least - 4 * events.std() / count**0.5


def expected_distance(model: Model) -> float:
    """``E |x1 - x0|`` over independent ends: the events of bridges, which take none back."""
    law: Any = model.network.bridge.law
    starts = np.arange(len(law))
    each = [np.abs(starts[:, None] - np.array(pair)).sum(1) @ (law / law.sum()) for pair in PAIRS]
    return float(np.dot(each, [*PAIRS.values()]))
