"""What a sample costs, measured once with a real server."""

import pytest

from benchmarks.simulate.account import measure


@pytest.mark.parametrize(
    ("name", "rows", "numbers"),
    [("ring", 40, 2), pytest.param("digits", 42, 28 * 28, marks=pytest.mark.slow)],
)
def test_every_entry_is_measured(name: str, rows: int, numbers: int) -> None:
    """Two rows for each of twenty steps of Heun; and two for the score of ``digits``."""
    account = measure(name, quick=True)
    assert account.rows == rows
    assert account.request_s > 0
    assert account.api_s > 0
    assert account.recipe_bytes > 100
    # A picture takes more than what it was asked for with, and a point less.
    assert account.answer_bytes > (account.recipe_bytes if numbers > 2 else 100)
    assert account.frame_bytes > numbers * 4
