"""The bill of a pipeline is what the server did, with points and a judge by a coordinate."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from benchmarks.crystals.pipeline import BATCH, Bill, order, rows
from sureflow.folders import embedded_folder
from sureflow_client import Client
from tests.server.running import Server, serving

LEFT = {"by": "judge:far", "max": 0}
OPTIONS = {"seed": 5, "steps": 8}


@pytest.fixture(scope="module")
def judging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(embedded_folder() / "ring", models / "ring")
    options = ("--models-dir", str(models), "--judge", "far=tests.server.judges:far")
    with serving(*options, plugins=tmp_path_factory.mktemp("plugins")) as running:
        yield running


def test_it_draws_until_enough_are_accepted(judging: Server) -> None:
    with Client(judging.url) as client:
        bill = order(client, "ring", {}, 20, LEFT, **OPTIONS)
        truth = client.generate("ring", bill.drawn, output="list", **OPTIONS)
    left = [sample.array().ravel()[0] <= 0 for sample in truth]
    assert bill.accepted == sum(left) >= 20
    assert bill.drawn % BATCH == 0
    assert sum(left[:-BATCH]) < 20
    assert bill.judged == bill.drawn
    assert bill.evaluations == truth.usage.evaluations
    assert bill.steps == bill.judged


def test_a_first_stage_saves_calls(judging: Server) -> None:
    with Client(judging.url) as client:
        every = order(client, "ring", {}, 8, LEFT, **OPTIONS)
        few = order(client, "ring", {}, 8, LEFT, {"top": 4}, **OPTIONS)
    assert few.judged == few.drawn * 4 // BATCH
    assert few.judged / few.accepted <= BATCH / 2
    assert few.drawn > every.drawn


def test_what_cannot_be_had_is_given_up(judging: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.crystals.pipeline.MOST", 2 * BATCH)
    with Client(judging.url) as client:
        bill = order(client, "ring", {}, 1, {"by": "judge:far", "max": -1e6}, **OPTIONS)
    assert (bill.accepted, bill.drawn) == (0, 2 * BATCH)


def test_bills_add_up_and_are_shown() -> None:
    both = Bill(1, 16, 100, 4, 20) + Bill(3, 32, 300, 8, 60)
    assert both == Bill(4, 48, 400, 12, 80)
    assert rows([("own", both)])[-1] == "| own | 4 | 48 | 400 | 12 | 80 | 3.00 | 20.0 |"
