"""Crystals that a potential judges beside the server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.server.conftest import make_checkpoint
from tests.server.running import serving
from tests.server.test_crystals import ASKED, NETWORK

JUDGE = "chgnet=sureflow.evaluation.crystals.judge:above_best"


@pytest.mark.slow
def test_a_server_asks_a_potential(tmp_path: Path) -> None:
    pytest.importorskip("chgnet")
    from sureflow.evaluation.crystals.known import known
    from sureflow.evaluation.crystals.potential import potential
    from sureflow.training.crystals.crystal import Crystal

    torch.manual_seed(0)
    make_checkpoint(tmp_path / "small", NETWORK, family="crystals", media="vector")
    options = ("--models-dir", str(tmp_path), "--judge", JUDGE, "--judge-timeout-s", "200")
    filter = {"then": {"by": "judge:chgnet", "max": 0.1}}
    with serving(*options) as server:
        answer = server.generate(n=6, filter=filter, output={"format": "list"}, **ASKED)
    assert answer["usage"]["judged"]["samples"] == 6
    for sample in answer["samples"]:
        then, data = sample["decision"]["then"], sample["data"]
        rows = np.array(data, dtype=np.float64)
        crystal = Crystal(rows[:3, :3], rows[3:, :3], rows[3:, 3].astype(np.int64))
        if then["score"] is None:
            assert "two atoms overlap" in then["reason"]
        else:
            energy = potential("chgnet").energy(crystal)
            assert then["score"] == pytest.approx(known().above(crystal, energy), abs=1e-3)
