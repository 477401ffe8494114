"""What a request said, as a question of the page and in words."""

from __future__ import annotations

from typing import Any

import pytest

from sureflow_client import Asked, generate_body
from sureflow_studio.ask import MOST, Ask
from sureflow_studio.asked import ask_of, in_words

QUESTIONS: list[Any] = [
    {"sampler": {"method": "heun", "steps": 20}, "label": "3", "guidance": 2.0, "rewind": True},
    {"sampler": {"tolerance": 0.01}, "condition": {"text": "a boot"}, "size": [28, 32], "seed": 7},
    {"score": "likelihood", "filter": {"min": 0.3, "action": "drop", "early": True}, "first": 2},
    {"rewind": {"keep": [0.5], "ttl_s": 60.0}, "also": ["trajectory"], "profile": True},
    {"labels": ["3", "4"], "filter": {"top": 2, "stratify": True}},
]


@pytest.mark.parametrize("options", QUESTIONS)
def test_a_question_is_read_off_the_request_that_it_was(options: Any) -> None:
    options = {"seed": 3} | options
    request = generate_body("digits", 5, **options)
    asked = Asked(path="/v1/generate", request=request)
    assert ask_of(asked) == Ask("digits", 5, options)


def test_as_few_as_make_sure_that_one_is_good_are_any_number() -> None:
    request = generate_body("digits", filter={"any_good": 0.9})
    found = ask_of(Asked(path="/v1/generate", request=request))
    assert found is not None
    assert found.n == MOST


def test_what_asked_for_no_new_samples_is_no_question() -> None:
    assert ask_of(None) is None
    assert ask_of(Asked(path="/v1/edit", request={"handle": "hdl_x"})) is None
    assert ask_of(Asked(path="/v1/invert", request={"samples": []})) is None


def test_a_question_in_words() -> None:
    asked = [
        Asked(path="/v1/generate", request=generate_body("digits", 5, **{"seed": 7} | options))
        for options in QUESTIONS
    ]
    assert [in_words(one) for one in asked] == [
        "3 · heun · 20 steps · guidance 2 · seed 7",
        "a boot · 0.01 tolerance · seed 7",
        "seed 7",
        "seed 7",
        "3 · 4 · seed 7",
    ]
    given = {"samples": [[0.0]], "first": 3, "seed": 0, "condition": {"label": 1}}
    assert in_words(Asked(path="/v1/invert", request=given)) == "given · 1"
    assert in_words(None) == ""
