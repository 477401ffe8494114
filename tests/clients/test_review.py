"""Reviewing with the client, in a terminal with real keys, and by an agent."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import Any

import PIL.Image
import pytest

from sureflow_client import Client, InvalidArgument, NotFound
from sureflow_client._cli.main import main
from sureflow_client._cli.review import HELP
from tests.agents import agent_does
from tests.commands import invoke
from tests.server.running import PATIENCE_S

MODEL = "ring-exact"


def bad_of(client: Client, model: str) -> dict[str, float]:
    """How bad what is: the draws that have a verdict."""
    found = client.verdicts(model)
    return {each["sample"]: each["bad"] for each in found if each["sample"].startswith("drw_")}


def test_a_review_with_the_client(server: str) -> None:
    with Client(server) as client:
        before = client.review(MODEL, 4)
        kept = client.judge(
            zip(before.samples, ["good", "bad", 0.25, None], strict=True)  # type: ignore[arg-type]
        )
        assert (kept.kept, kept.taken_back) == (3, 1)
        after = client.review(MODEL, 1)
        assert after.judged == before.judged + 3
        assert after.samples[0].draw == before.samples[3].draw
        found = bad_of(client, MODEL)
        assert [found[one.draw] for one in before.samples[:3]] == [0, 1, 0.25]
        assert before.samples[0].array().shape == (2,)
        told = client.review(MODEL, 1, scores=True).samples[0]
        assert told.confidence is not None
        client.judge([(one, None) for one in before.samples])
        assert client.review(MODEL, 0).judged == before.judged


def test_samples_are_named_by_what_the_client_has(server: str) -> None:
    with Client(server) as client:
        made = client.generate(MODEL, 2, seed=3, rewind={})
        sample = made[1]
        assert sample.handle is not None
        ways: list[Any] = [
            sample,
            sample.handle,
            sample.handle.id,
            client.handle(sample),
            {"response": made.id, "index": 1},
            {"recipe": {"model": MODEL, "seed": 3}, "index": 0},
        ]
        kept = client.judge([(way, "bad") for way in ways])
        assert len({*kept.samples[:5]}) == 1
        assert kept.kept == 2
        client.judge([(way, None) for way in ways])
        with pytest.raises(InvalidArgument, match="no handle"):
            client.judge([(client.generate(MODEL, 1)[0], "good")])
        with pytest.raises(NotFound):
            client.judge([("drw_0123456789abcdef_1", "good")])


def in_a_terminal(keys: bytes, *words: str) -> str:
    """Run the command in a terminal of its own, in which these keys are pressed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "sureflow_client", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.STDOUT,
        env={**os.environ, "COLUMNS": "200"},
    )
    os.close(theirs)
    stopped = Timer(PATIENCE_S, process.kill)
    stopped.start()
    said = b""
    try:
        while part := os.read(ours, 4096):
            said += part
            if keys and HELP.encode() in said:
                os.write(ours, keys)
                keys = b""
    except OSError:  # it has been closed
        pass
    finally:
        os.close(ours)
        stopped.cancel()
    assert process.wait() == 0, said.decode()
    return said.decode()


def test_a_key_for_each_sample(server: str, tmp_path: Path) -> None:
    words = ("--url", server, "review", "digits", "--out", str(tmp_path))
    with Client(server) as client:
        first = [one.draw for one in client.review("digits", 3).samples]
        # The second is taken back and said again; a key that there is not only tells the keys.
        said = in_a_terminal(b"gbu9xgq", *words)
        found = bad_of(client, "digits")
        assert [found[draw] for draw in first] == [0, 1, 0]
        for draw in first:
            assert f"{draw}.png" in said
            with PIL.Image.open(tmp_path / f"{draw}.png") as picture:
                assert picture.size == (28, 28)
        assert said.count(HELP) == 2
        assert "▀" in said  # the picture itself
        assert "3 draws with a verdict" in said
        client.judge([(draw, None) for draw in first])


def test_the_command_tells_how_far_a_review_has_come(server: str) -> None:
    done = invoke(main, "--url", server, "review", MODEL, "--show", "--max-bad-rate", "0.1")
    assert done.returncode == 0, done.stderr
    assert "more good ones certify a bad rate of 0.1" in done.stdout
    done = invoke(main, "--url", server, "review", MODEL, "--show", "--certify")
    assert done.returncode == 2
    assert "nothing follows from 0 verdicts" in done.stderr


def test_an_agent_judges_draws_and_what_it_made(server: str) -> None:
    async def review(agent: Any) -> None:
        facts = await agent.call("review", model="digits", draws=True, limit=6, max_bad_rate=0.1)
        assert agent.pictures == 1
        draws = [one["draw"] for one in facts["review"]["draws"]]
        needed = facts["review"]["needed"]
        verdicts: list[dict[str, Any]] = [{"sample": draw, "verdict": "good"} for draw in draws]
        made = await agent.call("generate", model="digits", label="5", steps=4, picture=False)
        handle = made["samples"][0]["handle"]
        verdicts.append({"sample": handle, "verdict": 0.5})
        asked = {"model": "digits", "draws": True, "limit": 1, "max_bad_rate": 0.1}
        facts = await agent.call("review", verdicts=verdicts, picture=False, **asked)
        assert facts["verdicts"] == 7
        assert facts["review"]["needed"] < needed
        assert facts["review"]["draws"][0]["draw"] not in draws
        back = [{**each, "verdict": None} for each in verdicts]
        await agent.call("review", verdicts=back, limit=1, picture=False)
        assert "model" in await agent.refused("review", draws=True)
        refused = await agent.refused("review", verdicts=[{"sample": "drw_x", "verdict": "bad"}])
        assert "drw_x" in refused

    agent_does(server, review)
