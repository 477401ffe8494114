"""Tables of quantiles against the distribution that draws are of."""

from __future__ import annotations

import numpy as np
import pytest

from sureflow.confidence.quantile_table import LEVELS, check_tables, ranks_in, tabulate


def test_ranks_are_shares_of_the_draws_that_are_less_sure() -> None:
    draws = np.random.default_rng(0).gamma(2, size=20_000)
    table = tabulate(draws)
    assert table.shape == (LEVELS,)
    values = np.array([0.5, 1.0, 3.0])
    shares = (draws[:, None] > values).mean(0)
    assert ranks_in(table, values) == pytest.approx(shares, abs=0.003)


def test_beyond_all_draws_a_rank_tells_how_far() -> None:
    table = tabulate(np.linspace(10, 20, 1001))
    assert ranks_in(table, np.array([5.0, 25.0])) == pytest.approx([1.5, -0.5])
    assert np.isnan(ranks_in(table, np.array([np.nan, np.inf]))).all()


def test_tables_that_fall_or_differ_in_shape_are_refused() -> None:
    table = np.broadcast_to(np.linspace(0, 1, LEVELS), (2, 3, LEVELS))
    assert check_tables({"a": table, "b": np.full_like(table, np.nan)}) == (2, 3)
    with pytest.raises(ValueError, match="quantiles/a does not rise"):
        check_tables({"a": -table})
    with pytest.raises(ValueError, match="has shapes"):
        check_tables({"a": table, "b": table[:1]})
