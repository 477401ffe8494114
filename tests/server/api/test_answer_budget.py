"""What answers take until they are read."""

from __future__ import annotations

import pytest

from sureflow_server.api.answer_budget import AnswerBudget
from sureflow_server.api.problems import Problem


def refused(budget: AnswerBudget, owner: str, nbytes: int) -> str:
    with pytest.raises(Problem) as caught:
        budget.open(owner).take(nbytes)
    return caught.value.kind


def test_nobody_fills_it_alone_and_another_always_finds_room() -> None:
    budget = AnswerBudget(1000)
    greedy = [budget.open("greedy") for _ in range(5)]
    for claim in greedy:
        claim.take(100)
    assert refused(budget, "greedy", 100) == "answers-unread"
    modest = budget.open("modest")
    modest.take(250)
    assert refused(budget, "modest", 100) == "answers-unread"
    assert refused(budget, "third", 200) == "answers-full"
    budget.open("third").take(125)
    greedy[0].release()
    assert budget.size == 775


def test_an_answer_larger_than_any_may_be_is_refused_for_good() -> None:
    assert refused(AnswerBudget(1000), "a", 501) == "answer-too-large"
    budget = AnswerBudget(1000)
    budget.open("a").share("a job that has come to more than was foreseen", 900)
    assert budget.size == 900


def test_what_many_read_counts_once_until_the_last_has_read_it() -> None:
    budget = AnswerBudget(1000)
    body = object()
    readers = [budget.open("a") for _ in range(20)]
    for reader in readers:
        reader.share(body, 400)
    assert budget.size == 400
    for reader in readers[1:]:
        reader.release()
    assert budget.size == 400
    readers[0].release()
    readers[0].release()
    assert budget.size == 0


def test_a_claim_goes_on_to_the_job_and_comes_to_what_is_made() -> None:
    freed: list[int] = []
    budget = AnswerBudget(1000, freed.append)
    claim = budget.open("a")
    claim.take(300)
    other = claim.handed_on()
    claim.release()
    assert (budget.size, claim.size, other.size) == (300, 0, 300)
    other.resize(700)
    assert budget.size == 700, "what is made is not refused"
    other.release()
    assert budget.size == 0
    assert max(freed) == 700
