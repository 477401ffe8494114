"""A student and an index of training data over HTTP, from servers that really run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from sureflow.checkpoint import CheckpointConfig, load, save
from sureflow.cli import app
from sureflow.networks import MLP
from sureflow.sampling.sample import sample
from sureflow.training.distillation.config import DistillationConfig
from sureflow.training.distillation.run import distill
from sureflow.training_index import COPIED, INDEX, TrainingIndex
from sureflow_client import Client
from tests.server.conftest import Guarded, add_key
from tests.server.running import Server, serving

NETWORK: dict[str, Any] = {"kind": "mlp", "shape": [2], "width": 16, "layers": 1, "embedding": 8}
DATA = np.random.default_rng(0).standard_normal((40, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root: Path = tmp_path_factory.mktemp("students")
    torch.manual_seed(0)
    mlp = MLP((2,), width=16, layers=1, embedding=8)
    teacher = CheckpointConfig(name="teacher", media="vector", network=NETWORK)
    save(root / "teacher", teacher, mlp)
    config = DistillationConfig(trajectories=128, together=128)
    distill(root / "teacher", config, root / "student", "student", quiet=True)
    save_file({"samples": torch.from_numpy(DATA)}, root / "data.safetensors")
    words = ["index", str(root / "data.safetensors"), "--samples", "20", "--quiet"]
    told = CliRunner().invoke(app, [*words, "--model", str(root / "student")])
    assert told.exit_code == 0, told.output
    assert "40 samples" in told.output
    assert "of 20 samples are copies" in told.output
    return root


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    scopes = {"plain": ("generate", "edit"), "admin": ("generate", "admin")}
    return file, {name: add_key(file, *each) for name, each in scopes.items()}


@pytest.fixture(scope="module")
def server(folder: Path, tokens: tuple[Path, dict[str, str]]) -> Iterator[Guarded]:
    file, known = tokens
    options = ("--models-dir", str(folder), "--default-model", "student")
    with serving(*options, "--api-keys-file", str(file), "--no-open-metrics") as running:
        running.client.headers["Authorization"] = f"Bearer {known['plain']}"
        with closing(Guarded(running, file, known)) as guarded:
            yield guarded


def test_the_card_says_how_many_steps_and_what_is_indexed(server: Guarded) -> None:
    answer = server.request("GET", "/v1/models", server.tokens["plain"]).json()
    cards = {card["name"]: card for card in answer["models"]}
    card = cards["student"]
    assert (card["family"], card["step_counts"]) == ("students", [1, 2, 4])
    assert card["indexed"]["samples"] == 40
    assert cards["teacher"]["indexed"] == {}
    assert card["scores"][:3] == ["renoise_spread", "self_consistency", "revision"]
    assert card["operations"] == cards["teacher"]["operations"]


def test_served_samples_are_those_of_the_library(server: Guarded, folder: Path) -> None:
    model = load(folder / "student")
    for steps in (1, 2, 4):
        body = {"n": 3, "seed": 7, "sampler": {"steps": steps}}
        served = server.generate("plain", **body).json()["samples"]
        own = sample(model, 3, 7, steps=steps)
        assert np.array_equal([each["data"] for each in served], [each.data for each in own])
        assert [each["steps"]["accepted"] for each in served] == [steps] * 3


def test_other_numbers_of_steps_are_refused_by_the_field(server: Guarded) -> None:
    answer = server.generate("plain", sampler={"steps": 3})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "sampler.steps"
    answer = server.generate("plain", sampler={"method": "heun"})
    assert answer.status_code == 422


def test_novelty_is_that_of_the_index_and_only_operators_see_whose(
    server: Guarded, folder: Path
) -> None:
    index = TrainingIndex.load(folder / "student" / INDEX)
    told = {
        name: server.generate(name, n=8, seed=1).json()["samples"] for name in ("plain", "admin")
    }
    for plain, admin in zip(told["plain"], told["admin"], strict=True):
        found = index.find(np.array(plain["data"], np.float32))
        assert plain["numbers"] == {"novelty": pytest.approx(found.novelty)}
        assert admin["numbers"] == {**plain["numbers"], "neighbour": found.number}


def test_samples_are_filtered_by_their_novelty(server: Guarded) -> None:
    body = {"n": 40, "seed": 2, "filter": {"by": "novelty", "min": COPIED, "action": "drop"}}
    samples = server.generate("plain", **body).json()["samples"]
    for each in samples:
        passed = each["numbers"]["novelty"] >= COPIED
        assert each["decision"]["by"] == "novelty"
        assert each["decision"]["score"] == pytest.approx(each["numbers"]["novelty"])
        assert each["decision"]["action_taken"] == ("accepted" if passed else "dropped")
        assert (each["data"] is not None) == passed
    taken = {each["decision"]["action_taken"] for each in samples}
    assert taken == {"accepted", "dropped"}


@pytest.mark.parametrize(
    ("model", "asked", "field"),
    [
        ("teacher", {"by": "novelty", "min": 0.3}, "filter.by"),
        ("student", {"by": "novelty", "min": 3}, "filter.min"),
        ("student", {"by": "novelty", "keep": 0.3}, "filter.keep"),
        ("student", {"by": "novelty", "top": 1}, "filter.top"),
        ("student", {"by": "novelty", "min": 0.3, "early": True}, "filter.early"),
    ],
)
def test_what_novelty_cannot_decide_is_refused(
    server: Guarded, model: str, asked: dict[str, Any], field: str
) -> None:
    answer = server.generate("plain", model=model, n=2, filter=asked)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_an_edit_goes_on_from_a_step(server: Guarded) -> None:
    body = {"n": 1, "seed": 3, "rewind": {"keep": "all"}}
    (kept,) = server.generate("plain", **body).json()["samples"]
    given = {"handle": kept["handle"]["id"], "at": {"step": 2}}
    token = server.tokens["plain"]
    same = server.request("POST", "/v1/edit", token, json=given)
    assert same.status_code == 200, same.text
    assert same.json()["samples"][0]["data"] == kept["data"]
    given["operations"] = [{"type": "resample"}]
    anew = server.request("POST", "/v1/edit", token, json={**given, "branches": 2}).json()
    found = {tuple(each["data"]) for each in anew["samples"]} | {tuple(kept["data"])}
    assert len(found) == 3


def test_the_client_reads_them(server: Guarded) -> None:
    running: Server = server.server
    with Client(running.url, api_key=server.tokens["admin"]) as client:
        result = client.generate(n=2, seed=1, filter={"by": "novelty", "min": 0.0})
        assert all(sample.numbers and "neighbour" in sample.numbers for sample in result)
        assert client.model("student").step_counts == (1, 2, 4)
