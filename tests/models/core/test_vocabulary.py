"""Prompts as tokens: by words and by bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sureflow.core.vocabulary import Prompt, Vocabulary

WORDS = Vocabulary("word", ("a", "bold", "three", ","))


def test_words_are_numbered_in_their_order_and_filled_up() -> None:
    assert WORDS.size == 5
    assert WORDS.tokens("A bold, bold THREE", 7).tolist() == [1, 2, 4, 2, 3, 0, 0]
    assert WORDS.tokens("  ", 2).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("a bold four", r"^has the word 'four', which the model does not know: a, bold, three, ,$"),
        ("a a a a", "^has 4 words; at most 3$"),
    ],
)
def test_what_the_model_cannot_read_is_named(prompt: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WORDS.tokens(prompt, 3)


def test_unknown_words_may_be_one_token() -> None:
    loose = Vocabulary("word", ("a",), unknown=True)
    assert loose.size == 3
    assert loose.tokens("a b c", 3).tolist() == [1, 2, 2]


@given(st.text(max_size=20))
def test_bytes_are_those_of_utf8(text: str) -> None:
    vocabulary = Vocabulary("byte")
    tokens = vocabulary.tokens(text, 80)
    written = bytes((tokens[tokens > 0] - 1).astype(np.uint8).tolist())
    assert written == text.strip().encode("utf-8", "replace")
    assert tokens.max() < vocabulary.size


@pytest.mark.parametrize("stride", [1, 2, 3, 7])
def test_examples_are_drawn_alike(stride: int) -> None:
    texts = ("a", "bold", "three")
    prompt = Prompt(3, 5, WORDS, examples=texts)
    drawn = [prompt.example(number).tolist() for number in range(0, 600 * stride, stride)]
    counts = [drawn.count(WORDS.tokens(text, 3).tolist()) for text in texts]
    assert sum(counts) == 600
    assert min(counts) > 150


@pytest.mark.parametrize(
    ("tokens", "message"),
    [([1, 2], r"shape \[2\], not \[3\]"), ([1, 5, 0], "0 .. 4"), ([-1, 0, 0], "0 .. 4")],
)
def test_tokens_are_checked(tokens: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Prompt(3, 5).check(np.array(tokens, np.int64))
