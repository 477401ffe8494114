"""Sizes of samples, and the cards of models that make several."""

from __future__ import annotations

from typing import Any

import pytest

from sureflow.core.card import ModelCard
from sureflow.core.size import Shape, check_shapes, in_words, read_size, sizes


@pytest.mark.parametrize(
    ("shapes", "found"),
    [
        ([(3, 8, 8), (3, 8, 12)], ((8, 8), (8, 12))),
        ([(3, 8, 8)], ((8, 8),)),
        ([(2, 16), (2, 32)], ((16,), (32,))),
        ([(16, 2), (32, 2)], ((16,), (32,))),
        ([(16, 2), (32, 4)], ((16, 2), (32, 4))),
        ([(5,)], ((5,),)),
    ],
    ids=str,
)
def test_a_size_is_what_shapes_differ_in(shapes: list[Shape], found: object) -> None:
    """Of an image always height and width."""
    assert sizes(shapes) == found


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(1, 8, 8), (1, 9, 9)], "begin with \\[1, 9, 9\\]"),
        ([(1, 9, 9), (9, 9)], "different numbers of dimensions"),
        ([(1, 9, 9), (1, 8, 8), (1, 8, 8)], "name one twice"),
        ([(1, 9, 9), (3, 8, 8)], "different channels"),
    ],
)
def test_shapes_that_do_not_go_together(shapes: list[Shape], message: str) -> None:
    with pytest.raises(ValueError, match=f"^shapes: .*{message}"):
        check_shapes(shapes, (1, 9, 9))


def test_words() -> None:
    assert (in_words((8, 12)), read_size("8x12"), read_size("64")) == ("8x12", (8, 12), (64,))
    for text in ("", "8x", "8X12", "-1", "8x1e3", "²", "9" * 20):
        with pytest.raises(ValueError, match="is no size"):
            read_size(text)


def test_the_card_of_one_size() -> None:
    shapes, states = ((3, 16, 16), (3, 16, 32)), ((4, 2, 2), (4, 2, 4))
    card = ModelCard("a", "", "image", shapes[0], (), 0, stages=("decoder",), state_shape=states[0])
    assert (card.sizes, card.at((16, 16))) == (((16, 16),), card), "the only one"
    with pytest.raises(ValueError, match=r"^size: a makes no 16x32; choose from 16x16$"):
        card.at((16, 32))
    of: Any = {"state_shape": states[0], "shapes": shapes, "state_shapes": states}
    several = ModelCard("a", "", "image", shapes[0], (), 0, **of)
    wide = several.at((16, 32))
    assert (wide.shape, wide.state_shape, wide.shapes) == (shapes[1], states[1], None)
    assert wide.at((16, 32)) == wide
    assert several.at(None) is several.at((16, 16)) is several
    assert [several.size_of(state) for state in (*states, (4, 9, 9))] == [None, (16, 32), None]
