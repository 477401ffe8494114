"""The command ``sureflow-client`` against a server that really runs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import PIL.Image
import pytest

from sureflow_client import Client, Filter, Sample
from sureflow_client._cli.main import main
from tests.clients.conftest import Keyed
from tests.commands import invoke

PACKAGE = Path(__file__).parents[2] / "clients" / "python"
Command = Callable[..., "subprocess.CompletedProcess[str]"]


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return invoke(main, *words, COLUMNS="120", **environment)


@pytest.fixture
def command(server: str) -> Command:
    return lambda *words: run(*words, SUREFLOW_URL=server)


@pytest.fixture
def shoe(server: str) -> Sample:
    with Client(server) as client:
        (sample,) = client.generate("fashion", seed=7, label=7, steps=4, rewind="all")
    return sample


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_samples_compared_on_the_way(command: Command, server: str, tmp_path: Path) -> None:
    words = ("generate", "ring", "--n", "8", "--seed", "7", "--steps", "10", "--top", "2")
    done = command(*words, "--halving", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "2 of 8 passed" in done.stdout
    record = lines((tmp_path / "out" / "samples.jsonl").read_text())
    with Client(server) as client:
        wanted: Filter = {"top": 2, "action": "drop", "early": "halving"}
        result = client.generate("ring", n=8, seed=7, steps=10, filter=wanted)
    assert [line["accepted"] for line in record] == [sample.accepted for sample in result]
    rungs = [sample.decision.rung for sample in result if sample.decision]
    assert [rung.rank for rung in sorted(filter(None, rungs), key=lambda rung: -rung.rank)] == [
        *(8, 7, 6, 5),
        *(4, 3),
    ]
    assert result.usage.evaluations == 4 * 12 + 2 * 14 + 2 * 20
    assert result.usage.evaluations_saved == 4 * 8 + 2 * 6


def test_samples_a_sheet_and_their_record(command: Command, server: str, tmp_path: Path) -> None:
    words = ("generate", "fashion", "--n", "3", "--label", "Sneaker", "--seed", "7", "--steps", "4")
    done = command(*words, "--top", "2", "--sheet", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "2 of 3 passed" in done.stdout
    record = lines((tmp_path / "out" / "samples.jsonl").read_text())
    assert [line["index"] for line in record] == [0, 1, 2]
    passed = {line["file"]: line for line in record if line["accepted"]}
    images = {path.name for path in (tmp_path / "out").glob("0*.png")}
    assert len(images) == 2
    assert images == set(passed)
    with Client(server) as client:
        result = client.generate("fashion", n=3, label=7, seed=7, steps=4, filter={"top": 2})
    assert [line["confidence"] for line in record] == result.confidence.tolist()
    for sample in result.accepted():
        with PIL.Image.open(tmp_path / "out" / f"{sample.index:04d}.png") as image:
            assert image.tobytes() == sample.image().tobytes()
    with PIL.Image.open(tmp_path / "out" / "sheet.png") as sheet:
        assert sheet.tobytes() == result.accepted().sorted().sheet().tobytes()


def test_json_lines_and_exact_numbers(command: Command, server: str, tmp_path: Path) -> None:
    words = ("generate", "ring", "--n", "2", "--seed", "7", "--steps", "4", "--json", "--profile")
    done = command(*words, "--exact", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    record = lines(done.stdout)
    assert record == lines((tmp_path / "samples.jsonl").read_text())
    with Client(server) as client:
        result = client.generate("ring", n=2, seed=7, steps=4)
    for line, sample in zip(record, result, strict=True):
        assert np.load(tmp_path / str(line["file"])).tobytes() == sample.array().tobytes()
        assert isinstance(line["profile"], dict)
        assert len(line["profile"]["t"]) == 4


def test_fewer_than_were_asked_for_is_said(command: Command) -> None:
    words = ("generate", "ring", "--seed", "7", "--steps", "4", "--min", "1")
    done = command(*words, "--accept", "2", "--max-attempts", "2")
    assert done.returncode == 6, done.stderr
    assert "only 0 of 2 samples passed" in done.stderr
    assert "0 of 4 passed" in done.stdout


def test_accepting_alone_is_of_the_surer_half(command: Command) -> None:
    done = command("generate", "ring", "--n", "3", "--accept", "3", "--seed", "7", "--json")
    assert done.returncode == 0, done.stderr
    record = lines(done.stdout)
    assert sum(bool(line["accepted"]) for line in record) == 3
    assert all(line["accepted"] == (line["confidence"] >= 0.5) for line in record)  # type: ignore[operator]


def test_one_good_sample_is_promised(command: Command) -> None:
    words = ("generate", "digits", "--label", "3", "--seed", "7", "--any-good", "0.99")
    done = command(*words, "--json")
    assert done.returncode == 0, done.stderr
    passed = [line for line in lines(done.stdout) if line["accepted"]]
    assert 1 <= len(passed) <= 3
    done = command(*words, "--n", "1")
    assert done.returncode != 0
    assert "and 1 may be made" in done.stderr


def test_classes_take_turns_and_stay_balanced(command: Command) -> None:
    words = ("generate", "digits", "--labels", "3,5", "--n", "4", "--seed", "7", "--top", "2")
    done = command(*words, "--stratify", "--json")
    assert done.returncode == 0, done.stderr
    record = lines(done.stdout)
    assert [line["label"] for line in record] == ["3", "5"] * 2
    assert sorted(str(line["label"]) for line in record if line["accepted"]) == ["3", "5"]
    refused = command(*words, "--max-bad-rate", "0.02", "--per-class")
    assert "exactly one of" in refused.stderr


def test_an_edit(command: Command, shoe: Sample, tmp_path: Path) -> None:
    assert shoe.handle is not None
    mask = tmp_path / "mask.png"
    PIL.Image.fromarray(np.uint8([[255] * 28] * 14 + [[0] * 28] * 14)).save(mask)
    words = ("edit", shoe.handle.id, "--at", "step:0", "--inpaint", str(mask))
    done = command(*words, "--rewind", "commit", "--json")
    assert done.returncode == 0, done.stderr
    record = lines(done.stdout)
    assert [line["parent"] for line in record] == [shoe.handle.id]
    assert all(line["handle"] for line in record)
    words = ("edit", shoe.handle.id, "--resample", "0.5", "--uncertain", "0.2", "--shift", "-0.1")
    done = command(*words)
    assert done.returncode == 0, done.stderr
    assert "surest: " in done.stdout


def test_an_inversion_in_parts(command: Command, server: str, shoe: Sample, tmp_path: Path) -> None:
    shoe.image().save(tmp_path / "shoe.png")
    np.save(tmp_path / "shoe.npy", shoe.array())
    files = [str(tmp_path / "shoe.png")] * 32 + [str(tmp_path / "shoe.npy")]
    words = ("--model", "fashion", "--label", "7", "--method", "euler", "--steps", "1")
    done = command("invert", *files, *words, "--rewind", "commit", "--json")
    assert done.returncode == 0, done.stderr
    record = lines(done.stdout)
    with Client(server) as client:
        kept = client.handle(record[32]["handle"]["id"])
    assert kept.asked is not None
    assert (kept.sample.index, kept.asked.request["first"]) == (32, 32)
    assert [line["index"] for line in record] == [*range(33)]
    assert all(isinstance(line["inversion_error"], float) for line in record)
    assert len({line["confidence"] for line in record}) == 1


def test_a_film_strip_and_its_numbers(
    command: Command, server: str, shoe: Sample, tmp_path: Path
) -> None:
    assert shoe.handle is not None
    strip, arrays = tmp_path / "strip.png", tmp_path / "frames.npz"
    done = command("frames", shoe.handle.id, "--map", "--count", "3", "--out", str(strip))
    assert done.returncode == 0, done.stderr
    assert [row.split()[0] for row in done.stdout.splitlines()[1:4]] == ["0", "2", "4"]
    with PIL.Image.open(strip) as image:
        assert image.height > 3 * 84
    done = command("frames", shoe.handle.id, "--t", "0", "--t", "1", "--out", str(arrays))
    assert done.returncode == 0, done.stderr
    with Client(server) as client:
        seen = client.frames(shoe, [0, 1])
    assert np.load(arrays)["states"].tobytes() == seen.states().tobytes()


def test_models_and_handles(command: Command, shoe: Sample) -> None:
    done = command("models")
    assert done.returncode == 0, done.stderr
    assert {"fashion", "ring"} <= {row.split()[0] for row in done.stdout.splitlines()}
    assert shoe.handle is not None
    assert shoe.handle.id in command("handles", "--limit", "1").stdout
    assert command("handles", "--delete", shoe.handle.id).returncode == 0
    gone = command("frames", shoe.handle.id)
    assert gone.returncode == 2
    assert "sureflow-client handles lists" in gone.stderr


def test_jobs(command: Command, server: str, tmp_path: Path) -> None:
    words = ("generate", "ring", "--n", "2", "--seed", "7", "--steps", "4")
    done = command(*words, "--exact", "--background")
    assert done.returncode == 0, done.stderr
    job = done.stdout.strip()
    done = command("jobs", "wait", job, "--out", str(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    with Client(server) as client:
        result = client.generate("ring", n=2, seed=7, steps=4)
    for line, sample in zip(lines(done.stdout), result, strict=True):
        assert np.load(tmp_path / str(line["file"])).tobytes() == sample.array().tobytes()
    done = command("jobs", "show", job)
    assert done.returncode == 0, done.stderr
    assert "2 of 2" in done.stdout
    assert "ring, seed 7: 2 of 2 passed" in done.stdout
    told = lines(command("jobs", "events", job, "--json").stdout)
    names = [line["event"] for line in told if line["event"] != "step"]
    assert names == ["queued", "started", "sample", "sample", "completed"]
    assert command("jobs", "cancel", job).stdout == f"cancelled {job}\n"
    gone = command("jobs", "events", job)
    assert gone.returncode == 2
    assert "sureflow-client jobs list" in gone.stderr


def test_an_edit_in_the_background_is_cancelled(
    command: Command, server: str, shoe: Sample
) -> None:
    assert shoe.handle is not None
    words = ("edit", shoe.handle.id, "--resample", "1", "--branches", "64", "--steps", "900")
    job = command(*words, "--background").stdout.strip()
    with Client(server) as client:
        client.jobs.cancel(job)
    done = command("jobs", "wait", job)
    assert done.returncode == 2
    assert "cancelled" in done.stderr
    done = command("jobs")
    row = next(row for row in done.stdout.splitlines() if row.startswith(job))
    assert row.split()[-6:-2] == ["edit", "fashion", "cancelled", "0"]


def test_an_operator_takes_models_in_and_out_of_service(keyed: Keyed) -> None:
    def ask(*words: str, key: str = "") -> subprocess.CompletedProcess[str]:
        return run(*words, SUREFLOW_URL=keyed.url, SUREFLOW_API_KEY=key)

    refused = ask("models", "ring-exact", "--unload")
    assert refused.returncode == 4
    assert "--api-key" in refused.stderr
    refused = ask("models", "ring-exact", "--unload", key=keyed.maker)
    assert refused.returncode == 4
    assert "lacks the scope admin" in refused.stderr
    done = ask("models", "ring-exact", "--unload", key=keyed.admin)
    assert done.returncode == 0, done.stderr
    assert "unloaded" in done.stdout
    away = ask("generate", "ring-exact", key=keyed.maker)
    assert away.returncode == 5
    assert "sureflow-client models NAME --load" in away.stderr
    done = ask("models", "ring-exact", "--load", key=keyed.admin)
    assert done.returncode == 0, done.stderr
    assert "ring-exact" in done.stdout
    assert "ready" in done.stdout


def test_a_live_view(command: Command, server: str) -> None:
    with Client(server) as client:
        client.generate("ring", n=2, steps=2, filter={"min": 0.0, "action": "drop"})
    done = command("top", "--once", "--interval", "0.1")
    assert done.returncode == 0, done.stderr
    assert "rows/tick" in done.stdout
    row = next(row for row in done.stdout.splitlines() if row.startswith(" ring "))
    assert "accepted" in row


def completed(server: str, words: str) -> list[str]:
    return run(
        SUREFLOW_URL=server,
        _SUREFLOW_CLIENT_COMPLETE="complete_bash",
        COMP_WORDS=f"sureflow-client {words}",
        COMP_CWORD=str(len(words.split())),
    ).stdout.split()


def test_names_are_completed(server: str, shoe: Sample) -> None:
    assert completed(server, "generate di") == ["digits", "digits-4"]
    assert shoe.handle is not None
    assert completed(server, f"edit {shoe.handle.id[:9]}") == [shoe.handle.id]
    with Client(server) as client:
        job = client.jobs.generate("ring", seed=7, steps=2)
    assert completed(server, f"jobs wait {job.id[:9]}") == [job.id]
    assert completed(server, "generate --method he") == ["heun"]
    assert completed(server, "edit hdl_1 --score diver") == ["divergence"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_learn_to_complete(shell: str) -> None:
    done = run(_SUREFLOW_CLIENT_COMPLETE=f"source_{shell}")
    assert f"complete_{shell}" in done.stdout
    assert "sureflow-client" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("generate", "no-such-model"), 2, "sureflow-client models lists"),
        (("generate", "ring", "--steps", "0"), 2, "sampler.steps"),
        (("generate", "fashion", "--min", "2"), 2, "a confidence, which is from 0 to 1"),
        (("generate", "ring", "--sampler", "{"), 2, "no JSON"),
        (("edit", "hdl_1", "--operation", "[]"), 2, "no JSON object"),
        (("generate", "ring", "--num-steps", "4"), 2, "--num-steps is --steps here"),
        (("generate", "ring", "--guidance-scale=3"), 2, "--guidance-scale is --guidance here"),
        (("generate", "ring", "--sheet"), 2, "--out"),
        (("edit", "hdl_1", "--sheet"), 2, "--out"),
        (("generate", "ring", "--n", "3", "--accept", "4"), 2, "--n"),
        (("generate", "ring", "--background", "--json"), 2, "jobs wait"),
        (("models", "--load"), 2, "NAME"),
        (("models", "ring", "--load", "--unload"), 2, "one of them"),
        (("jobs", "show", "job_1"), 2, "jobs list"),
        (("invert", "no-such-file.png"), 2, "no-such-file.png"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_named(
    words: tuple[str, ...], code: int, text: str, command: Command
) -> None:
    done = command(*words)
    assert (done.returncode, done.stdout) == (code, "")
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interruption(server: str) -> None:
    words = [sys.executable, "-m", "sureflow_client", "--url", server, "top", "--interval", "0.1"]
    with subprocess.Popen(
        words,
        env={**os.environ, "PYTHONPATH": str(PACKAGE), "COLUMNS": "120", "FORCE_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell has programs in the background ignore it, and they hand that on.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in errors


def test_nobody_there() -> None:
    """Asked for as a process."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-m", "sureflow_client", "--url", url, "models"],
            env={**os.environ, "PYTHONPATH": str(PACKAGE), "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert "--url" in done.stderr


def test_somebody_else_there() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as other:
        Thread(target=other.serve_forever).start()
        try:
            done = run("--url", f"http://127.0.0.1:{other.server_port}", "generate", "ring")
        finally:
            other.shutdown()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
