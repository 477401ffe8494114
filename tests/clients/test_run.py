"""What ``sureflow-client generate --out`` leaves in a folder, also when it breaks off."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sureflow_client import APIConnectionError, Client
from sureflow_client._cli.folder import RECORD, REQUEST, SHEET, Folder
from sureflow_client._cli.main import main
from tests.commands import invoke

Command = Callable[..., "subprocess.CompletedProcess[str]"]
RING = ("generate", "ring", "--seed", "7", "--steps", "4", "--exact")


@pytest.fixture
def command(server: str) -> Command:
    return lambda *words: invoke(main, *words, COLUMNS="120", SUREFLOW_URL=server)


def record(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / RECORD).read_text().splitlines()]


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def breaking(monkeypatch: pytest.MonkeyPatch, after: int, error: BaseException) -> None:
    """Have a run break off once so many samples are written."""
    add = Folder.add

    def broken(folder: Folder, *args: Any) -> None:
        if len(folder.lines) == after:
            raise error
        add(folder, *args)

    monkeypatch.setattr(Folder, "add", broken)


def test_a_folder_of_another_run_is_not_touched(command: Command, tmp_path: Path) -> None:
    """Three files and the sheet of the first one stayed among those of the second."""
    out = tmp_path / "out"
    words = (*RING, "-o", str(out), "--sheet")
    assert command(*words, "-n", "6").returncode == 0
    (out / "notes.txt").write_text("mine")
    before = files(out)
    assert set(before) == {RECORD, REQUEST, SHEET, "notes.txt", *(f"000{i}.npy" for i in range(6))}
    for again in (
        words,
        ("edit", "hdl_1", "--out", str(out)),
        ("invert", str(out / "0000.npy"), "--model", "ring", "--out", str(out)),
        ("jobs", "wait", "job_1", "-o", str(out)),
    ):
        done = command(*again)
        assert done.returncode == 2
        assert "--force" in done.stderr
        assert files(out) == before
    done = command(*RING, "-n", "3", "-o", str(out), "--force")
    assert done.returncode == 0, done.stderr
    assert set(files(out)) == {RECORD, REQUEST, "notes.txt", *(f"000{i}.npy" for i in range(3))}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), APIConnectionError("gone")])
def test_what_is_finished_is_kept_and_gone_on_with(
    error: BaseException, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, whole = str(tmp_path / "out"), str(tmp_path / "whole")
    words = (*RING, "-n", "6", "--min", "0.3")
    with monkeypatch.context() as patch:
        breaking(patch, 3, error)
        done = command(*words, "--out", out)
    assert done.returncode == (130 if isinstance(error, KeyboardInterrupt) else 3)
    assert "kept 3 finished samples" in done.stderr
    assert "--resume" in done.stderr
    kept = record(tmp_path / "out")
    assert len(kept) == 3
    assert all((tmp_path / "out" / line["file"]).exists() for line in kept if line["accepted"])
    other = command("generate", "ring", "--resume", "-n", "6", "--steps", "5", "--out", out)
    assert other.returncode == 2
    assert "another" in other.stderr
    done = command(*words, "--out", out, "--resume", "--sheet")
    assert done.returncode == 0, done.stderr
    assert command(*words, "--out", whole, "--sheet").returncode == 0
    assert files(tmp_path / "out").keys() == files(tmp_path / "whole").keys()
    for name, content in files(tmp_path / "whole").items():
        if name != RECORD:
            assert files(tmp_path / "out")[name] == content
    facts = [
        [{**line, "request": None} for line in record(tmp_path / name)] for name in ("out", "whole")
    ]
    assert facts[0] == facts[1]
    done = command(*words, "--out", out, "--resume")
    assert (done.returncode, "6 samples" in done.stdout or "passed" in done.stdout) == (0, True)


def test_a_filter_of_all_samples_says_how_to_begin_anew(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*RING, "--min", "0.5", "--accept", "3", "--out", str(tmp_path))
    breaking(monkeypatch, 1, KeyboardInterrupt())
    done = command(*words)
    assert done.returncode == 130
    assert "--seed 7 makes the same ones again" in done.stderr
    monkeypatch.undo()
    done = command(*words, "--resume")
    assert done.returncode == 2
    assert "--force" in done.stderr


def test_a_refused_request_leaves_room_for_the_right_one(command: Command, tmp_path: Path) -> None:
    out = ("-o", str(tmp_path / "out"))
    assert command("generate", "ring", "--steps", "0", *out).returncode == 2
    assert command(*RING, *out).returncode == 0


@pytest.mark.parametrize("words", [("--resume",), ("--resume", "--out", "absent")])
def test_there_must_be_something_to_go_on_with(words: tuple[str, ...], command: Command) -> None:
    done = command(*RING, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_vectors_have_a_sheet_of_points(command: Command, tmp_path: Path) -> None:
    done = command(*RING, "-n", "5", "--out", str(tmp_path), "--sheet")
    assert done.returncode == 0, done.stderr
    with PIL.Image.open(tmp_path / SHEET) as sheet:
        pixels = np.asarray(sheet.convert("L"))
    assert (pixels < 200).any()


def test_a_confidence_that_does_not_hold_is_marked(command: Command, server: str) -> None:
    words = ("generate", "digits", "-n", "2", "--seed", "7", "--label", "3")
    with Client(server) as client:
        asked = {"seed": 7, "label": 3, "method": "dopri5", "steps": 2}
        samples = client.generate("digits", 2, **asked)
    assert not any(sample.confidence_holds for sample in samples)
    done = command(*words, "--method", "dopri5", "--steps", "2")
    assert done.returncode == 0, done.stderr
    rows = [row.split() for row in done.stdout.splitlines()[1:3]]
    assert {row[1] for row in rows} == {f"~{sample.confidence:.4g}" for sample in samples}
    assert "~ is an order" in done.stdout


def test_a_first_index_makes_one_sample_alone(command: Command, tmp_path: Path) -> None:
    for name, words in (("all", ("-n", "4")), ("one", ("--first", "2", "-n", "1"))):
        assert command(*RING, *words, "-o", str(tmp_path / name)).returncode == 0
    assert [line["index"] for line in record(tmp_path / "one")] == [2]
    assert files(tmp_path / "one")["0002.npy"] == files(tmp_path / "all")["0002.npy"]
