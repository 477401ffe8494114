"""Early tables: when a lane should stop, and what is not for them to say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sureflow.confidence.early import ALONE, LEVELS, NEVER, SHARES, WEIGHTS, Early
from sureflow.families.flow.setting import named
from sureflow.families.flow.spec import FlowSpec


def early() -> Early:
    """Running values spread over [0, t] at t = 0.2 and 0.4; ranks beyond 0.8 are hopeless."""
    times = np.array([0.2, 0.4])
    table = np.stack([np.linspace(0, t, LEVELS) for t in times])
    quantiles = np.stack([table, 10 * table])[None]
    bounds = np.full((1, len(SHARES), 2), 0.8)
    weights = np.tile(ALONE, (1, 2, 2, 1))
    return Early((named("heun", 20),), ("0", ""), times, quantiles, bounds, weights)


def known(running: float, foreseen: float = np.nan) -> np.ndarray:
    return np.array([running, foreseen])


@pytest.mark.parametrize(
    ("running", "t", "label", "guidance", "stop"),
    [
        (0.17, 0.2, 0, 1.0, True),
        (0.15, 0.2, 0, 1.0, False),
        (0.25, 0.3, 0, 1.0, True),
        (0.23, 0.3, 0, 1.0, False),
        (9.0, 0.4, 0, 1.0, True),
        (1.7, 0.2, None, 1.0, True),
        (1.7, 0.2, 0, 1.5, False),
        (9.0, 0.1, 0, 1.0, False),
        (9.0, 0.5, 0, 1.0, False),
        (9.0, 0.4, 1, 1.0, False),
    ],
)
def test_should_stop(
    running: float, t: float, label: int | None, guidance: float, stop: bool
) -> None:
    lane = FlowSpec(0, 0, label=label, guidance=guidance)
    assert early().should_stop(known(running), t, lane, confidence=0.5) is stop


def test_a_score_is_foretold_by_the_statistics_that_its_tables_weigh() -> None:
    made, lane = early(), FlowSpec(0, 0, label=0)
    made.weights[0, 0] = [[1.0, 0.0], [0.0, 2.0]]  # at t = 0.2 the score, at 0.4 the foresight
    assert made.foretold(known(3.0, 5.0), 0.2, lane) == 3
    assert made.foretold(known(3.0, 5.0), 0.4, lane) == 10
    assert made.foretold(known(3.0, 5.0), 0.3, lane) == pytest.approx(0.5 * 3 + 5)
    assert made.since() == [0.4]


@pytest.mark.parametrize(
    ("t", "fields"), [(0.1, {}), (0.5, {}), (0.3, {"guidance": 1.5}), (0.3, {"label": 1})]
)
def test_nothing_is_foretold_where_there_are_no_tables(t: float, fields: dict[str, Any]) -> None:
    lane = replace(FlowSpec(0, 0, label=0), **fields)
    assert np.isnan(early().foretold(known(3.0), t, lane))
    assert early().since() == [1.0]


def test_who_must_reach_little_is_never_hopeless() -> None:
    assert not early().should_stop(known(9.0), 0.3, FlowSpec(0, 0, label=0), confidence=0.01)


def test_bounds_are_those_of_the_next_larger_share() -> None:
    made, lane = early(), FlowSpec(0, 0, label=0)
    made.bounds[0, :10] = 0.3
    assert SHARES[9] == 0.5
    assert made.should_stop(known(0.1), 0.2, lane, confidence=0.5)
    assert made.should_stop(known(0.1), 0.2, lane, confidence=0.52)
    assert not made.should_stop(known(0.1), 0.2, lane, confidence=0.48)


def test_the_largest_confidence_for_which_it_can_act() -> None:
    made = early()
    assert made.most() == pytest.approx(0.95)
    made.bounds[0, :4] = NEVER
    assert made.most() == pytest.approx(0.75)
    made.bounds[:] = np.nan
    assert made.most() == 0


def test_statistics_are_weighed_at_each_time() -> None:
    """A foresight at 0.2, the running score at 0.4, and half of each between."""
    made, lane = early(), FlowSpec(0, 0, label=0)
    assert not made.foresees
    assert WEIGHTS not in made.tensors()
    made.weights[:, :, 0] = 0, 1
    assert made.foresees
    assert made.should_stop(known(np.nan, 0.19), 0.2, lane, confidence=0.5)
    assert not made.should_stop(known(0.19, 0.0), 0.2, lane, confidence=0.5)
    assert made.should_stop(known(0.39, np.nan), 0.4, lane, confidence=0.5)
    assert made.should_stop(known(0.5, 0.0), 0.3, lane, confidence=0.5)
    assert not made.should_stop(known(0.4, 0.0), 0.3, lane, confidence=0.5)
    assert not made.should_stop(known(9.0, np.nan), 0.2, lane, confidence=0.5), "no foresight"
    tensors = {f"x/{name}": array for name, array in made.tensors().items()}
    again = Early.read(tensors, made.references, made.strata)["x"]
    assert np.array_equal(again.weights, made.weights)
    tensors["x/weights"] = made.weights[:, :, :1]
    with pytest.raises(ValueError, match="do not fit together"):
        Early.read(tensors, made.references, made.strata)


def test_weights_of_the_running_score_alone_are_kept_in_the_file() -> None:
    """Its regression on final ranks is in units of its own, as are the tables of its quantiles."""
    made, lane = early(), FlowSpec(0, 0, label=0)
    made.weights[..., 0] = 0.01
    made.quantiles[:] *= 0.01
    tensors = {f"x/{name}": array for name, array in made.tensors().items()}
    again = Early.read(tensors, made.references, made.strata)["x"]
    for value in (0.15, 0.17):
        stop = made.should_stop(known(value), 0.2, lane, confidence=0.5)
        assert again.should_stop(known(value), 0.2, lane, confidence=0.5) is stop is (value > 0.16)


def test_references_that_were_not_drawn_anew_keep_their_bounds() -> None:
    made, before = early(), early()
    made.bounds[:] = 0.1
    assert made.beside(before, {0}).bounds[0, 0, 0] == 0.1
    assert made.beside(before, set()).bounds[0, 0, 0] == 0.8
    later = replace(before, times=before.times + 0.1)
    assert made.beside(later, set()).bounds[0, 0, 0] == 0.1, "of other times they say nothing"
