"""What happens a thousand times is a few lines of the log."""

from __future__ import annotations

import logging

import pytest

from sureflow_server.repeats import ALIKE, SAME, WINDOW_S, Repeats

Lines = list[str]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lines(clock: Clock) -> Lines:
    return []


@pytest.fixture
def log(lines: Lines, clock: Clock) -> logging.Logger:
    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Kept()
    handler.addFilter(Repeats(clock))
    logger = logging.Logger("somebody")
    logger.addHandler(handler)
    return logger


def test_the_same_is_written_a_few_times_and_then_counted(
    log: logging.Logger, lines: Lines
) -> None:
    for _ in range(1234):
        log.error("it broke: %s", "x")
    counted = [f"it broke: x ({count} times within a minute)" for count in (10, 100, 1000)]
    assert lines == ["it broke: x"] * SAME + counted


def test_no_client_can_fill_the_log_with_something_else_each_time(
    log: logging.Logger, lines: Lines
) -> None:
    for number in range(1000):
        log.warning("%s is not known", number)
    assert len(lines) == ALIKE + 2
    assert lines[-1] == "999 is not known (1000 times within a minute)"


def test_others_are_written_meanwhile_and_it_too_after_a_while(
    log: logging.Logger, lines: Lines, clock: Clock
) -> None:
    for _ in range(50):
        log.error("it broke")
    log.error("something else")
    for _ in range(50):
        log.info("served")
    assert lines[SAME + 1 :] == ["something else", *["served"] * 50]
    clock.now += WINDOW_S
    log.error("it broke")
    assert lines[-1] == "it broke"


def test_tracebacks_of_one_kind_count_as_one(log: logging.Logger, lines: Lines) -> None:
    for number in range(1000):
        try:
            raise ValueError(number)
        except ValueError:
            log.exception("unexpected")
    assert len(lines) == SAME + 3
