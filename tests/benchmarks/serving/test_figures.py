import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.serving.figures import (
    Outcome,
    Rows,
    figures,
    of_batches,
    outcome,
    quantile,
    ratio,
)
from benchmarks.serving.load import Reply
from benchmarks.serving.mix import Request

INF = math.inf
REQUEST = Request("interactive", 0.0, 5, 2, "heun", 6, None, 0, 1.0)


def good(latency: float, samples: int = 1) -> Outcome:
    return Outcome(
        "interactive", samples, 1.0, 200, latency, correct=True, queue=latency / 2, evaluations=10
    )


def answer(*images: str, reason: str = "converged", batch: int = 0) -> dict[str, object]:
    return {
        "samples": [{"data": image, "finish_reason": reason} for image in images],
        "usage": {"queue_s": 0.25, "evaluations": 24, "compute_s": 1.0},
        "batch": {"id": batch, "rows": 30, "ticks": 10, "requests": 2},
    }


@pytest.mark.parametrize(
    ("share", "value"), [(0.01, 1), (0.5, 50), (0.95, 95), (0.99, 99), (1, 100)]
)
def test_quantiles_of_a_hundred(share: float, value: int) -> None:
    assert quantile(list(range(100, 0, -1)), share) == value


@given(st.lists(st.floats(0, 100) | st.just(INF), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_the_least_value_that_enough_do_not_exceed(
    values: list[float], share: float
) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values)


def test_there_is_no_quantile_of_nothing() -> None:
    assert math.isnan(quantile([], 0.5))


def test_goodput_counts_what_is_correct_and_in_time() -> None:
    outcomes = [
        good(0.5, samples=3),
        good(1.0),
        good(1.1),
        Outcome("bulk", 1, 1.0, 200, 0.1, correct=False),
        Outcome("bulk", 1, 1.0, 429, 0.002, reason="429 queue-full"),
        Outcome("bulk", 1, 1.0, 0, INF),
    ]
    found = figures(0.8, outcomes, 4.0, Rows(80, 20), 0.01, demand=3.0)
    assert found.realised == 0.75
    assert found.offered == 6 / 4
    assert found.goodput == 2 / 4
    assert found.goodput_share == pytest.approx(2 / 6)
    assert found.evaluations == 80 / 4
    assert found.rows_per_tick == 4
    assert found.wrong == 1


def test_refused_and_unanswered_requests_are_infinitely_late_in_the_quantile_of_all() -> None:
    outcomes = [good(0.1)] * 98 + [Outcome("bulk", 1, 1.0, 503, 0.003, reason="503")]
    found = figures(1.2, [*outcomes, good(0.2)], 10.0, Rows(), 0)
    assert found.p99 == 0.2
    assert found.p99_all == 0.2
    found = figures(1.2, [*outcomes, Outcome("bulk", 1, 1.0, 0, INF)], 10.0, Rows(), 0)
    assert found.p99 == 0.1
    assert found.p99_all == INF
    assert found.refused == 0.01
    assert found.unanswered == 0.01


def test_refusals_are_told_apart_by_reason() -> None:
    outcomes = [
        *[Outcome("bulk", 1, 1.0, 503, t / 1000, reason="503 full") for t in range(1, 101)],
        Outcome("bulk", 1, 1.0, 504, 7.0, reason="504"),
        good(0.5),
    ]
    refusals = figures(1.2, outcomes, 1.0, Rows(), 0).refusals
    assert list(refusals) == ["503 full", "504"]
    assert (refusals["503 full"].count, refusals["504"].count) == (100, 1)
    assert refusals["503 full"].p50 == pytest.approx(0.050)
    assert refusals["503 full"].p99 == pytest.approx(0.099)


def test_every_kind_has_figures_of_its_own() -> None:
    outcomes = [good(0.2), good(0.4), Outcome("bulk", 8, 1.0, 200, 5.0, correct=True)]
    kinds = figures(0.8, [*outcomes, Outcome("bulk", 1, 1.0, 503, 0.1)], 1.0, Rows(), 0).kinds
    assert (kinds["interactive"].p50, kinds["interactive"].p99) == (0.2, 0.4)
    assert kinds["interactive"].goodput_share == 1
    assert (kinds["bulk"].count, kinds["bulk"].p99, kinds["bulk"].goodput_share) == (2, 5.0, 0)


def test_figures_of_no_answer_at_all_are_not_numbers() -> None:
    found = figures(1.2, [Outcome("bulk", 1, 1.0, 0, INF)], 1.0, Rows(), 0)
    assert math.isnan(found.p99)
    assert found.p99_all == INF
    assert math.isnan(found.evaluations)
    record = found.record()
    assert record["p99"] is None
    assert record["p99_all"] == "infinite"


def test_an_answer_is_correct_if_every_image_is_the_library_s() -> None:
    reply = Reply(200, 0.5, 0.0, answer("a", "b"))
    assert outcome(REQUEST, 1.0, reply, ["a", "b"]).good
    assert not outcome(REQUEST, 1.0, reply, ["a", "c"]).good
    assert not outcome(REQUEST, 0.4, reply, ["a", "b"]).good
    assert not outcome(REQUEST, 1.0, Reply(200, 0.5, 0.0, answer("a")), ["a", "b"]).correct


def test_hurried_answers_are_neither_good_nor_wrong() -> None:
    reply = Reply(200, 0.5, 0.0, answer("a", "x", reason="deadline"))
    hurried = outcome(REQUEST, 1.0, reply, ["a", "b"])
    assert hurried.hurried
    assert not hurried.good
    found = figures(0.8, [hurried], 1.0, Rows(), 0)
    assert (found.hurried, found.wrong) == (1, 0)


def test_a_batch_counts_once_however_many_answers_tell_of_it() -> None:
    replies = [Reply(200, 1, 0, answer("a", batch=batch)) for batch in (1, 1, 2)]
    assert of_batches([*replies, Reply(503, 1, 0)]) == Rows(60, 20)


def test_ratios_with_nothing_or_infinity() -> None:
    assert ratio(1, 2) == 0.5
    assert ratio(1, INF) == 0
    assert ratio(INF, 1) == INF
    assert math.isnan(ratio(INF, INF))
    assert ratio(1, 0) == INF
    assert math.isnan(ratio(0, 0))
