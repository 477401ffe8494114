"""Rows of replies: taken apart and put together."""

import torch

from sureflow.networks import NetworkOutput


def test_rows_are_taken_apart_and_joined() -> None:
    whole = NetworkOutput(
        torch.arange(10.0).view(5, 2), torch.ones(5, 2), reading=torch.arange(5.0)
    )
    parts = [whole.rows(slice(0, 2)), whole.rows(slice(2, 5))]
    assert [len(part.mean) for part in parts] == [2, 3]
    again = NetworkOutput.join(parts)
    assert again.reading is not None
    assert torch.equal(again.mean, whole.mean)
    assert torch.equal(again.reading, torch.arange(5.0))
    assert again.hidden is None
