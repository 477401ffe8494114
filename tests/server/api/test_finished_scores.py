"""A critic and a circuit beside a model: made by their commands, and served by a real server."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sureflow_server.cli import app
from tests.server.running import Server, serving

CHECKPOINT = Path("models/checkpoints/ring")
CONFIG = Path("models/configs/ring.toml")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of a ring with both."""
    folder = tmp_path_factory.mktemp("finished")
    ring = shutil.copytree(CHECKPOINT, folder / "models" / "ring")
    data = ("--data", str(CONFIG), "--quiet", "--steps", "60")
    for words in (
        ("critic", str(ring), *data, "--samples", "200", "--runs", str(folder / "runs")),
        ("circuit", str(ring), *data, "--replicas", "2", "--nodes", "2"),
    ):
        done = CliRunner().invoke(app, [*words], prog_name="sureflow")
        assert done.exit_code == 0, done.output
        assert f"{words[0]}.safetensors" in done.output
    with serving("--models-dir", str(ring.parent), "--default-model", "ring") as server:
        yield server


def ask(server: Server, **options: Any) -> list[dict[str, Any]]:
    body = {"model": "ring", "n": 12, "seed": 3, "sampler": {"method": "unipc", "steps": 8}}
    answer = server.client.post("/v1/generate", json=body | options)
    assert answer.status_code == 200, answer.text
    samples: list[dict[str, Any]] = answer.json()["samples"]
    return samples


def test_a_decision_says_how_far_the_sample_is_from_another(own: Server) -> None:
    scored = ask(own, confidence={"method": "critic"})
    values = sorted(sample["uncertainty"] for sample in scored)
    bound = (values[5] + values[6]) / 2
    decided = ask(own, confidence={"method": "critic"}, filter={"by": "uncertainty", "max": bound})
    taken = [sample["decision"] for sample in decided]
    assert sum(one["action_taken"] == "accepted" for one in taken) == 6
    for one in taken:
        assert one["margin"] == pytest.approx(abs(one["score"] - bound))
        assert (one["score"] <= bound) == (one["action_taken"] == "accepted")


def test_other_decisions_have_no_margin(own: Server) -> None:
    decided = ask(own, filter={"by": "confidence", "min": 0.5})
    assert not any("margin" in sample["decision"] for sample in decided)


def test_the_circuit_says_which_component_is_odd(own: Server) -> None:
    scored = ask(own, confidence={"method": "circuit", "map": True})
    assert all(0 < sample["uncertainty"] < 4 * math.log(2) for sample in scored)
    assert all(len(sample["map"]) == 2 for sample in scored)


def test_the_card_says_how_they_were_trained(own: Server) -> None:
    card = own.client.get("/v1/models/ring").json()
    assert card["scorers"].keys() == {"critic", "circuit"}
    assert card["scorers"]["critic"]["samples"] == 200
    assert {"critic", "circuit"} <= {*card["scores"]}
