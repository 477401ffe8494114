"""The largest part of a map, by hand."""

import torch

from benchmarks.truth.tail import fragment, largest


def test_the_mean_of_the_largest_share() -> None:
    maps = torch.arange(20.0).reshape(1, 1, 4, 5)
    assert largest(maps, 0.1).tolist() == [18.5]
    assert largest(maps, 0.01).tolist() == [19], "at least one component"
    assert largest(maps, 1.0).tolist() == [9.5]


def test_the_page_has_a_row_for_each_score() -> None:
    figures = {
        f"tail, digits, {score}: AUROC{where} by {judge}": 0.5
        for score in ("sum of the map", "class_margin")
        for where in ("", " within a class")
        for judge in ("one judge", "another judge")
    }
    assert "| digits | class_margin | 0.500 | 0.500 | 0.500 | 0.500 |" in fragment(figures)
