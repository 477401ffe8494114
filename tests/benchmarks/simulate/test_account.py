"""What a sample costs, measured once with a real server."""

from benchmarks.simulate.account import measure


def test_every_entry_is_measured() -> None:
    account = measure("digits", quick=True)
    # Two for each of twenty steps of Heun, and two for the score of the model.
    assert account.rows == 42
    assert account.request_s > 0
    assert account.api_s > 0
    assert account.answer_bytes > account.recipe_bytes > 100
    assert account.frame_bytes > 28 * 28 * 4
