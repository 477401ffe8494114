"""Subwords: several tokenizers behind each other, what is cut, and what is refused."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from sureflow.core.card import Condition, ModelCard
from sureflow.core.condition import arrays_of
from sureflow.core.schema import InvalidFieldError
from sureflow.core.subwords import LONGEST_PROMPT, Subwords, Tokenizer
from sureflow.core.vocabulary import Prompt

pytest.importorskip("tokenizers")

WORDS = {"a": 0, "b": 1, "c": 2, "[": 3, "]": 4}


def written(words: dict[str, int] | None = None, **model: Any) -> str:
    """A tokenizer of letters; a text begins with ``[`` and ends with ``]``."""
    words = words or WORDS
    return json.dumps(
        {
            "model": {"type": "BPE", "vocab": words, "merges": [], **model},
            "added_tokens": [],
            "post_processor": {
                "type": "RobertaProcessing",
                "sep": ["]", words["]"]],
                "cls": ["[", words["["]],
                "trim_offsets": False,
                "add_prefix_space": False,
            },
        }
    )


LONG = Tokenizer(written(), 6, 5, 2)
SHORT = Tokenizer(written({"]": 0, "[": 1, "a": 2, "b": 3, "c": 4, "d": 5}), 4, 6, 5)


def test_tokens_of_one() -> None:
    one = Subwords((LONG,))
    assert one.tokens("ab", 6).tolist() == [3, 0, 1, 4, 2, 2]
    assert one.tokens("", 6).tolist() == [3, 4, 2, 2, 2, 2]
    assert one.tokens("abca", 6).tolist() == [3, 0, 1, 2, 0, 4]
    with pytest.raises(ValueError, match=r"has 8 tokens; at most 6: .* from 'bc' on"):
        one.tokens("abcabc", 6)


def test_tokens_of_several_stand_behind_each_other() -> None:
    """The shorter one reads the beginning, with the tokens that begin and end it."""
    both = Subwords((SHORT, LONG))
    assert both.tokens("abca", 10).tolist() == [1, 2, 3, 0, 3, 0, 1, 2, 0, 4]
    assert both.tokens("a", 10).tolist() == [1, 2, 0, 5, 3, 0, 4, 2, 2, 2]
    assert both.limits.tolist() == [6] * 4 + [5] * 6
    assert both.size == 6


def test_what_cannot_be_read_is_refused() -> None:
    one = Subwords((LONG,))
    with pytest.raises(ValueError, match=f"has {LONGEST_PROMPT + 1} characters"):
        one.tokens("a" * (LONGEST_PROMPT + 1), 6)
    odd = Subwords((Tokenizer("{", 6, 5, 2),))
    with pytest.raises(ValueError, match="is no tokenizer"):
        odd.tokens("a", 6)
    assert one.tokens("\udc80", 6).tolist() == [3, 4, 2, 2, 2, 2], "no text, and unknown"


def test_numbers_of_a_request_are_checked_by_place() -> None:
    prompt = Prompt(10, 6, Subwords((SHORT, LONG)))
    conditions = {"text": Condition("text", (7, 3), prompt=prompt)}
    card = ModelCard("m", "v", "vector", (1,), (), 0, conditions=conditions)
    (tokens,) = arrays_of({"text": [1, 5]}, card, "condition").values()
    assert tokens.tolist() == [1, 5, 5, 5, *[2] * 6]
    with pytest.raises(InvalidFieldError, match="at most 10 tokens"):
        arrays_of({"text": [1, 1, 1, 1, 5]}, card, "condition")
    with pytest.raises(ValueError, match=r"not in 0 \.\. 4"):
        prompt.check(prompt.filled([1, 1, 1, 1, 5]))
    assert pickle.loads(pickle.dumps(card)) == card
