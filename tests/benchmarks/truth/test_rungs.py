"""Rungs whose cost and loss are known."""

import numpy as np
import pytest

from benchmarks.truth.pool import HEARD
from benchmarks.truth.rungs import RULES, cost, fragment, kept


def test_the_cost_is_that_of_the_lanes_that_run() -> None:
    assert cost((0.5,), (4,)) == pytest.approx((20 * 0.5 + 4 * 0.5) / 20)
    assert cost((0.2, 0.4, 0.6), (10, 5, 4)) == pytest.approx(0.43)


def test_what_is_told_rightly_loses_nothing_and_chance_loses_most() -> None:
    generator = np.random.default_rng(1)
    final = generator.random(60)
    right = np.repeat(final[:, None], len(HEARD), 1)
    assert kept(right, final, (0.2, 0.4), (10, 4)) == (1, 0)
    chance = generator.random((60, len(HEARD)))
    share, worse = kept(chance, final, (0.1,), (4,))
    assert share == pytest.approx(0.2, abs=0.08)
    assert worse > 0.25
    late = np.where(np.array(HEARD) < 0.5, chance, right)
    assert kept(late, final, (0.6,), (4,))[0] == 1


def test_the_page_has_a_row_for_each_rule() -> None:
    title = "rungs, 20 → 4 at 0.3"
    figures = {f"{title}: {what}": 44.0 for what in ("evaluations", "best four kept", "worse by")}
    figures |= {f"{title}: {what}, error": 0.5 for what in ("best four kept", "worse by")}
    row = "| 20 → 4 at 0.3 | 44.0 % | 44.0 ± 0.5 % | 44.0 ± 0.5 points |"
    assert row in fragment(figures)
    assert RULES[0][1] == (10, 5, 4)
