"""A probe is fitted to verdicts, with the client and in a terminal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from sureflow_client import Client, Conflict, MissingData, Refit
from sureflow_client._cli.main import main
from tests.commands import invoke
from tests.server.running import serving

JUDGED = 100


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of one model, of which samples on the right are judged bad."""
    root = tmp_path_factory.mktemp("refit") / "models"
    shutil.copytree("models/checkpoints/ring", root / "ring")
    with serving("--models-dir", str(root)) as server:
        yield server.url


def test_verdicts_teach_the_model_a_version_of_its_own(own: str) -> None:
    with Client(own) as client:
        with pytest.raises(Conflict, match="0 judged samples can be made again"):
            client.jobs.refit("ring")
        made = client.generate("ring", JUDGED, seed=3)
        named = [{"response": made.id, "index": sample.index} for sample in made]
        law = ["bad" if sample.array()[0] > 1 else "good" for sample in made]
        client.judge(zip(named, law, strict=True))  # type: ignore[arg-type]
        before = client.model("ring")

        job = client.jobs.refit("ring", name="ring-new", draws=100)
        assert job.operation == "refit"
        with pytest.raises(MissingData, match="has made no samples"):
            client.jobs.wait(job)
        found = client.jobs.get(job).result
        assert isinstance(found, Refit)
        assert (found.name, found.judged, found.bad) == ("ring-new", JUDGED, law.count("bad"))
        assert found.auroc is not None
        assert found.gain is not None
        assert str(found.auroc) == (
            f"{found.auroc.value:.2f} [{found.auroc.low:.2f}, {found.auroc.high:.2f}]"
        )
        assert found.gain.low > 0
        assert client.model("ring") == before
        assert client.load_model("ring-new").version == found.version

        numbered = client.jobs.refit("ring", draws=100)
        client.jobs.cancel(numbered)


def test_the_command_says_what_the_probe_is_worth(own: str) -> None:
    words = ("--url", own, "review", "ring", "--show", "--refit", "--as", "ring-cli")
    said = invoke(main, *words)
    assert said.returncode == 0, said.stderr
    assert "ring-cli is written: " in said.stdout
    assert f"of {JUDGED} samples are bad" in said.stdout
    assert "AUROC of the probe" in said.stdout
    assert "which is in use" in said.stdout
    assert "`sureflow-client models ring-cli --load`" in said.stdout
    with Client(own) as client:
        assert {model.name for model in client.models()} == {"ring", "ring-new"}, "not yet loaded"
    again = invoke(main, *words)
    assert again.returncode != 0
    assert "ring-cli is there already" in again.stderr
