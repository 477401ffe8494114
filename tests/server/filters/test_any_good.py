"""Few samples, one of which is good: how many, from which confidence on, and among how many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from sureflow_server.filters.any_good import REACHED, AnyGood, choices
from sureflow_server.filters.threshold import Threshold
from tests.server.samples import finished

RATES = st.floats(1e-6, 0.95)
TABLE = [(0.9, 0.02), (0.5, 0.08), (0.25, 0.2), (0.0, 0.45)]


@given(st.lists(st.tuples(st.sampled_from([0.9, 0.5, 0.0]), RATES)), st.floats(0.01, 0.9999))
def test_the_promise_is_kept_by_as_few_samples_as_can_be(
    table: list[tuple[float, float]], any_good: float
) -> None:
    found = choices(table, any_good, 4096)
    for choice in found:
        assert choice.rate**choice.count <= (1 - any_good) * (1 + 1e-6)
        assert choice.count == 1 or choice.rate ** (choice.count - 1) > 1 - any_good
        assert (choice.minimum, choice.rate) in table
    counts = [choice.count for choice in found]
    assert counts == sorted(counts)


@given(st.lists(st.tuples(st.sampled_from([0.9, 0.5, 0.0]), RATES)), st.floats(0.01, 0.9999))
def test_so_many_draws_are_nearly_always_enough(
    table: list[tuple[float, float]], any_good: float
) -> None:
    for choice in choices(table, any_good, 2000):
        share = 1 - choice.minimum
        assert binom.sf(choice.count - 1, choice.draws, share) >= REACHED - 1e-9
        assert binom.sf(choice.count - 1, choice.draws - 1, share) < REACHED + 1e-9


@pytest.mark.parametrize(
    ("any_good", "most", "expected"),
    [
        (0.9, 100, (0.5, 1, 10)),  # the fewest samples, and of these ways the fewest draws
        (0.9, 4, (0.0, 3, 3)),
        (0.9, 2, None),
        (0.97, 100, (0.9, 1, 66)),
        (0.4, 1, (0.0, 1, 1)),
    ],
)
def test_fewer_samples_take_more_draws(
    any_good: float, most: int, expected: tuple[float, int, int] | None
) -> None:
    found = [(each.minimum, each.count, each.draws) for each in choices(TABLE, any_good, most)]
    assert (found[0] if found else None) == expected


def filter_of(count: int, limit: int) -> AnyGood:
    threshold = Threshold("confidence", 0.5, None, "drop")
    return AnyGood(threshold, count, limit, rate=0.3, limit=limit)


@given(st.integers(1, 4), st.lists(st.booleans(), min_size=8, max_size=8), st.data())
def test_the_first_that_pass_are_returned_in_any_order_of_finishing(
    count: int, passing: list[bool], data: st.DataObject
) -> None:
    """Among all samples in the order of their index; no more are made than that takes."""
    chosen = filter_of(count, len(passing))
    running, launched, accepted = [*range(count)], count, []
    while running:
        index = running.pop(data.draw(st.integers(0, len(running) - 1)))
        sample = finished(index, 0.9 if passing[index] else 0.1)
        if (following := chosen.follow(sample, launched)) is not None:
            running.append(following.index)
            launched += 1
        decision = chosen.decide(sample)
        assert decision is not None
        accepted += [index] if decision.action_taken == "accepted" else []
    expected = [index for index, good in enumerate(passing) if good][:count]
    assert sorted(accepted) == expected
    made = expected[-1] + 1 if len(expected) == count else len(passing)
    assert launched == max(made, count)


def test_what_was_not_reached_is_said() -> None:
    chosen = filter_of(2, 4)
    assert chosen.shortfall(2) is None
    assert chosen.certified(2) == pytest.approx(1 - 0.3**2)
    said = chosen.shortfall(1)
    assert (
        said
        == "filter.any_good: 1 of the 2 that it takes passed among 4; one of them is good at 0.7"
    )
    assert chosen.certified(0) == 0
