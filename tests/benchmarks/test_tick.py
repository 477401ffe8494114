from __future__ import annotations

import pytest

from benchmarks.tick import NETWORK, parts
from sureflow.checkpoint import load


@pytest.mark.parametrize("mix", ["fixed", "adaptive"])
def test_the_parts_make_up_the_tick(mix: str) -> None:
    shares = parts(load("ring"), mix, 4, 20)
    assert shares.pop("seconds") > 0
    assert sum(shares.values()) == pytest.approx(1)
    assert 0 < shares[NETWORK] < 1
