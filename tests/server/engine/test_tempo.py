"""Tests of how many rows the ticks of a model may have."""

from __future__ import annotations

from math import inf

import pytest

from sureflow_server.engine.tempo import FIRST_TURN_S, Tempo

SECONDS = (0.0, 0.01, 0.012, 0.014, 0.016)


def test_lanes_that_are_alone_take_ticks_of_all_their_rows() -> None:
    tempo, now = Tempo({"m": SECONDS}), 60.0
    tempo.saw("m", now, 60.0, 30.0)  # twice as slow for long
    assert tempo.alone_s("m", 2, 10, now) == pytest.approx(10 * 2 * 0.012, rel=0.05)
    assert tempo.alone_s("m", 8, 10, now) == pytest.approx(2 * 10 * 2 * 0.016, rel=0.05)


def test_a_tick_of_another_model_comes_in_between() -> None:
    tempo = Tempo({"m": SECONDS, "other": SECONDS})
    tempo.saw("m", 1.0, 0.01, 0.01)
    alone = tempo.alone_s("m", 1, 10, 1.0)
    tempo.saw("other", 1.0, 0.016, 0.016)
    assert tempo.alone_s("m", 1, 10, 1.0) - alone == pytest.approx(10 * 0.016)


def test_a_turn_is_expected_to_last_as_the_one_before() -> None:
    tempo = Tempo({"m": SECONDS, "other": SECONDS})
    assert tempo.turn_s(0.0, ["m"]) == FIRST_TURN_S
    tempo.saw("m", 1.0, 0.016, 0.016)
    tempo.saw("other", 1.0, 0.01, 0.01)
    assert tempo.turn_s(1.0, ["m"]) == pytest.approx(0.016)
    assert tempo.turn_s(1.0, ["m"]) == FIRST_TURN_S  # nothing ticked since


def test_rows_that_did_not_fit_into_memory_are_tried_again_one_by_one() -> None:
    tempo = Tempo({"m": SECONDS})
    tempo.fits("m", 2)
    pressing = [(inf, 10.0)]
    assert [tempo.rows("m", pressing, 0.0, busy=True) for _ in range(4)] == [2, 3, 4, 4]


def test_nothing_is_known_of_a_model_that_was_forgotten() -> None:
    tempo = Tempo({"m": SECONDS, "other": SECONDS})
    tempo.saw("m", 1.0, 0.016, 0.016)
    tempo.forget("m")
    assert tempo.models == ("other",)
    assert tempo.turn_s(1.0, ["other"]) == FIRST_TURN_S
