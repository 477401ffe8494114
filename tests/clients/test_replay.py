"""Samples made again by their recipes: of the command, of a handle, of the studio."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sureflow_client import Client, GenerateOptions, InvalidArgument, Resample, Sample
from sureflow_client._cli.main import main
from sureflow_studio.family import Member
from sureflow_studio.recipe import document, edited, generated
from tests.commands import invoke

Command = Callable[..., "subprocess.CompletedProcess[str]"]
OPTIONS: GenerateOptions = {"steps": 4, "rewind": True, "output": "npy"}


@pytest.fixture
def command(server: str) -> Command:
    return lambda *words: invoke(main, *words, COLUMNS="120", SUREFLOW_URL=server)


def recipes(server: str) -> dict[str, dict[str, Any]]:
    """What the studio makes of a sample and of a branch of it, and what the API says of both."""
    with Client(server) as client:
        first = client.generate("ring", 3, seed=7, **OPTIONS)[2]
        version = client.model("ring").version or ""
        assert first.handle is not None
        recipe = generated("ring", version, OPTIONS, first)
        parent = Member(first.handle.id, "ring", sample=first, recipe=recipe)
        branch = client.edit(first, Resample(0.5), at=0.3, branches=2, seed=1, rewind=True)[1]
        assert branch.handle is not None
        step = client.edit(first, Resample(0.5), at=0.3, branches=2, seed=1).at.step
        made = edited(parent, [Resample(0.5)], step, 2, branch)
        child = Member(branch.handle.id, "ring", parent.handle, branch, made)
        found = {"studio": document(parent), "studio branch": document(child)}
        for name, sample in (("handle", first), ("handle of a branch", branch)):
            assert sample.handle is not None
            url = f"{server}/v1/handles/{sample.handle.id}"
            found[name] = httpx.get(url).json()
            found[f"record with a {name}"] = httpx.get(url).json()["sample"]
    return found


@pytest.fixture(scope="module")
def known(server: str) -> dict[str, dict[str, Any]]:
    return recipes(server)


@pytest.mark.parametrize(
    "name",
    ["studio", "studio branch", "handle", "handle of a branch", "record with a handle"],
)
def test_what_is_made_again_is_equal(
    name: str, known: dict[str, dict[str, Any]], command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(known[name], indent=2))
    done = command("replay", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert "the bytes are equal" in done.stdout


def test_a_record_makes_each_sample_again(command: Command, tmp_path: Path) -> None:
    words = ("generate", "fashion", "-n", "3", "--label", "7", "--steps", "2", "--top", "2")
    assert command(*words, "--out", str(tmp_path)).returncode == 0
    record, again = tmp_path / "samples.jsonl", tmp_path / "again.png"
    done = command("replay", str(record))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("the bytes are equal") >= 2
    line = next(json.loads(one) for one in record.read_text().splitlines() if '"0' in one)
    done = command("replay", str(record), "--index", str(line["index"]), "--save", str(again))
    assert done.stdout == f"sample {line['index']}: the bytes are equal\n"
    assert again.read_bytes() == (tmp_path / line["file"]).read_bytes()
    record.write_text(json.dumps({**line, "sha256": "0" * 64}))
    done = command("replay", str(record))
    assert done.returncode == 7
    assert "NOT" in done.stdout


def test_without_bytes_to_compare_the_score_is_compared(
    known: dict[str, dict[str, Any]], server: str
) -> None:
    recipe = json.loads(json.dumps(known["studio"]))
    recipe["sample"]["handle"] = "hdl_gone"
    with Client(server) as client:
        assert client.replay(recipe).outcome == "alike"
        recipe["sample"]["uncertainty"] += 1
        assert client.replay(recipe).outcome == "different"
        del recipe["sample"]["uncertainty"]
        found = client.replay(recipe)
    assert found.outcome == "unknown"
    assert isinstance(found.sample, Sample)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        [],
        {"calls": [{"path": "/v1/models", "request": {}, "pick": 0}]},
        {"calls": [{"path": "/v1/generate", "pick": 0}]},
        {"id": "hdl_gone"},
    ],
)
def test_what_is_no_recipe_is_said(wrong: Any, server: str) -> None:
    with Client(server) as client, pytest.raises(InvalidArgument):
        client.replay(wrong)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\n"])
def test_a_file_of_something_else_is_said(text: str, command: Command, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(text)
    done = command("replay", str(tmp_path / "recipe.json"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
