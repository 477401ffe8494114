"""A server below /sureflow/ of a real nginx: what programs and pages ask it through every door."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from httpx_sse import connect_sse
from openai import OpenAI

from sureflow_client import Client
from tests.agents import agent_does
from tests.deploy.nginx import CONFIGURATION, PREFIX, needs_nginx, nginx
from tests.deploy.sources import DEPLOY
from tests.installed import CLIENT, install
from tests.server.conftest import models_dir as models_dir
from tests.server.running import PATIENCE_S, Server, eventually, serving

pytestmark = [pytest.mark.slow, needs_nginx]

SMALL: dict[str, Any] = {"model": "icons", "n": 2, "seed": 7, "sampler": {"steps": 4}}


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("nginx") / "site", CLIENT)


@pytest.fixture(scope="module", params=[False, True], ids=["passed on", "taken off"])
def behind(
    request: pytest.FixtureRequest, models_dir: Path, plugins: Path
) -> Iterator[tuple[Server, str]]:
    """A server, and its address below the prefix, which it is told of by one of two ways."""
    options = ("--models-dir", str(models_dir), "--default-model", "icons")
    options = (*options, "--trusted-proxy", "127.0.0.1")
    if not request.param:
        options = (*options, "--root-path", PREFIX)
    with (
        serving(*options, plugins=plugins) as server,
        nginx(urlsplit(server.url).netloc, takes_off=request.param) as url,
    ):
        yield server, url


@pytest.fixture
def asked(behind: tuple[Server, str]) -> Iterator[httpx.Client]:
    """A client of the proxy alone."""
    with httpx.Client(base_url=behind[1], timeout=PATIENCE_S) as client:
        yield client


def test_samples_are_those_of_the_server(behind: tuple[Server, str], asked: httpx.Client) -> None:
    direct = behind[0].generate(**SMALL)["samples"]
    made = asked.post("/v1/generate", json=SMALL)
    assert made.status_code == 200, made.text
    assert made.json()["samples"] == direct
    wrong = asked.post("/v1/generate", json={**SMALL, "n": -1})
    assert wrong.status_code == 422
    assert wrong.headers["content-type"] == "application/problem+json"


def test_what_is_too_long_is_refused_by_the_server(asked: httpx.Client) -> None:
    """With a problem document; nginx has a page of its own."""
    answer = asked.post("/v1/generate", json={"model": "x" * (1 << 20)})
    assert answer.status_code == 413
    assert answer.json()["type"].endswith(":payload-too-large")


def test_a_job_is_found_where_its_answer_says(asked: httpx.Client) -> None:
    begun = asked.post("/v1/generate", json=SMALL, headers={"Prefer": "respond-async"})
    assert begun.status_code == 202, begun.text
    where = urljoin(str(begun.url), begun.headers["location"])
    assert urlsplit(where).path.startswith(f"{PREFIX}/v1/jobs/")
    with connect_sse(asked, "GET", f"{where}/events") as events:
        names = [event.event for event in events.iter_sse()]
    assert names[-1] == "completed"
    assert asked.get(where).json()["state"] == "completed"


def test_events_come_as_they_happen(behind: tuple[Server, str], asked: httpx.Client) -> None:
    """The first samples are there while others are still made; leaving takes the rest along."""
    server, _ = behind
    body = {"model": "icons", "n": 200, "seed": 1, "sampler": {"steps": 500}}
    headers = {"Accept": "text/event-stream"}
    with connect_sse(asked, "POST", "/v1/generate", json=body, headers=headers) as events:
        event = next(each for each in events.iter_sse() if each.event == "sample")
        assert json.loads(event.data)["index"] >= 0
        assert server.metric("sureflow_num_samples_running") > 0
    eventually(lambda: server.metric("sureflow_num_samples_running") == 0)


def test_pages_find_what_they_need(asked: httpx.Client) -> None:
    page = asked.get("/docs")
    assert page.status_code == 200
    found = re.findall(r"""(?:src|href)=["']([^"'#]+)["']""", page.text)
    assert found
    for each in found:
        where = urljoin(str(page.url), each)
        assert urlsplit(where).path.startswith(f"{PREFIX}/"), each
        assert asked.get(where).status_code == 200, each
    document = asked.get("/openapi.json").json()
    assert document["servers"] == [{"url": PREFIX}]


def test_a_path_without_its_slash_leads_to_it(asked: httpx.Client) -> None:
    answer = asked.get(str(asked.base_url).rstrip("/"))
    assert (answer.status_code, answer.headers["location"]) == (301, f"{PREFIX}/")


def test_the_client_of_our_own(behind: tuple[Server, str]) -> None:
    with Client(behind[1]) as client:
        result = client.generate("icons", 2, seed=7, steps=4, rewind=True)
        branch = client.edit(result[0], branches=1)
        assert branch[0].parent == result[0].handle.id  # type: ignore[union-attr]
        job = client.jobs.generate("icons", 2, seed=7, steps=4)
        assert len(client.jobs.wait(job)) == 2


def test_the_client_of_openai(behind: tuple[Server, str]) -> None:
    with OpenAI(api_key="none", base_url=f"{behind[1]}/v1", max_retries=0) as client:
        assert client.models.retrieve("icons").id == "icons"
        made = client.images.generate(prompt="stripes", extra_body={"seed": 7})
        assert made.data
        events = client.images.generate(
            prompt="half", stream=True, partial_images=2, extra_body={"seed": 7}
        )
        assert [event.type.rpartition(".")[2] for event in events] == [
            *("partial_image", "partial_image", "completed")
        ]


@pytest.mark.parametrize("way", ["http", "http, with handshake", "stdio"])
def test_agents(behind: tuple[Server, str], way: Any) -> None:
    given = {"model": "icons", "label": "stripes", "steps": 4, "n": 2, "picture": False}
    facts = agent_does(behind[1], lambda agent: agent.call("generate", **given), way)
    assert facts["made"] == 2


def test_the_configuration_is_the_one_that_is_shown() -> None:
    shown = (DEPLOY / "README.md").read_text()
    location = (
        CONFIGURATION.read_text().partition("    location /sureflow/ {")[2].partition("    }")
    )
    for line in location[0].splitlines():
        assert line.strip() in shown
