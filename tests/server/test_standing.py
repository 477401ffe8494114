"""What a standing judge is given: a share by seed and index alone, and no more than can wait."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sureflow.families.flow.spec import FlowSpec
from sureflow_server.served import Served
from sureflow_server.standing import MOST, Standing
from tests.server.samples import finished


def chosen(standing: Standing, seed: int, count: int) -> list[int]:
    """Indices of those that wait, of so many that were served."""
    found = []
    for index in range(count):
        spec = FlowSpec(seed, index)
        standing.offer(Served("m", "v", spec, {}), replace(finished(), spec=spec))
        while not standing.waiting.empty():
            found.append(standing.waiting.get_nowait()[0].spec.index)
    return found


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
def test_a_share_is_chosen_whatever_the_samples_look_like(share: float) -> None:
    found = chosen(Standing("j", share), 7, 5000)
    deviation = (5000 * share * (1 - share)) ** 0.5
    assert abs(len(found) - 5000 * share) <= 4 * deviation
    assert found == chosen(Standing("j", share), 7, 5000)
    assert share == 1 or found != chosen(Standing("j", share), 8, 5000)


def test_nothing_waits_without_a_judge_and_no_more_than_there_is_room_for() -> None:
    assert chosen(Standing(None, 1.0), 7, 10) == []
    standing = Standing("j", 1.0)
    for index in range(3 * MOST):
        spec = FlowSpec(1, index)
        standing.offer(Served("m", "v", spec, {}), replace(finished(), spec=spec))
    assert standing.waiting.qsize() == MOST
