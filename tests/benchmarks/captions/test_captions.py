"""Captions say what holds of an image."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.captions.captions import (
    OPPOSITES,
    TOKENS,
    WORDS,
    caption,
    captions,
    measures,
    thirds,
)
from benchmarks.captions.training import VOCABULARY


def stroke(slant: float, thick: int, width: int = 28) -> np.ndarray:
    """A stroke ``[1, 28, 28]`` that goes right by ``slant`` for each row up."""
    image = np.full((1, 28, width), -1, np.float32)
    for row in range(4, 24):
        column = round(14 + slant * (14 - row))
        image[0, row, column : column + thick] = 1
    return image


def test_the_measures_are_those_of_the_stroke() -> None:
    images = np.stack([stroke(0.0, 1), stroke(0.5, 1), stroke(-0.5, 1), stroke(0.5, 4)])
    found = measures(images)
    assert found["slant"] == pytest.approx([0, 0.5, -0.5, 0.5], abs=0.02)
    assert found["ink"] == pytest.approx([20, 20, 20, 80])
    assert found["width"][3] == pytest.approx(np.sqrt(15 / 12), rel=0.05), "of four columns"
    assert found["width"][1] < 0.5


@pytest.mark.parametrize(
    ("adjectives", "digit", "text"),
    [
        ([], 8, "an eight"),
        ([], 1, "a one"),
        (["upright"], 1, "an upright one"),
        (["slanted", "bold", "wide"], 7, "a slanted bold wide seven"),
    ],
)
def test_an_article_comes_first(adjectives: list[str], digit: int, text: str) -> None:
    assert caption(adjectives, digit) == text
    assert (VOCABULARY.tokens(text, TOKENS) > 0).sum() == len(text.split())


def test_what_is_said_holds() -> None:
    drawn = np.random.default_rng(0)
    images = np.stack([stroke(drawn.uniform(-0.5, 0.5), drawn.integers(1, 6)) for _ in range(400)])
    labels = np.arange(400) % 10
    bounds = thirds(images, labels)
    written = captions(images, labels, bounds, drawn)
    found = measures(images)
    said = 0
    for number, text in enumerate(written):
        words = text.split()
        assert {*words} <= {*WORDS}
        for name, (low, high) in OPPOSITES.items():
            value, (lower, upper) = found[name][number], bounds[name][labels[number]]
            assert low not in words or value < lower
            assert high not in words or value > upper
            said += (low in words) + (high in words)
    assert 0.25 * 3 * 400 < said < 0.5 * 3 * 400, "six tenths of two thirds"
