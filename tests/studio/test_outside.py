"""What another distribution brings is on the page, of which no file knows it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from sureflow_client import Client
from tests.installed import CLIENT, STUDIO, install
from tests.outside import distribution
from tests.outside.test_outside import GAUSSIAN
from tests.server.conftest import make_checkpoint
from tests.server.running import Server, serving
from tests.studio.acting import choose, generate
from tests.studio.conftest import Visit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("outside")
    make_checkpoint(root / "models" / "gaussian", GAUSSIAN, media="vector")
    distribution.make_population(root / "models" / "population")
    site = distribution.install(install(root / "site", STUDIO, CLIENT))
    options = ("--studio", "--models-dir", str(root / "models"), "--default-model", "gaussian")
    with serving(*options, "--drain-s", "60", plugins=site) as running:
        yield running


def test_a_solver_and_a_score_can_be_chosen(page: Page, server: Server) -> None:
    page.get_by_text("Solver and score").click()
    choose(page, "Method", "ralston")
    choose(page, "Score", "path_length")
    page.get_by_role("spinbutton", name="Steps", exact=True).fill("7")
    card = generate(page, 1).first
    with Client(server.url) as client:
        (made,) = client.generate(
            "gaussian", seed=7, method="ralston", steps=7, score="path_length"
        )
    expect(card).to_contain_text(f"u {made.uncertainty:.3g}")


def test_a_family_has_the_options_that_it_has(page: Page, server: Server) -> None:
    choose(page, "Model", "population")
    page.get_by_text("Solver and score").click()
    assert page.get_by_role("spinbutton", name="Tolerance").count() == 0
    page.get_by_role("spinbutton", name="Steps", exact=True).fill("7")
    choose(page, "Score", "activity")
    card = generate(page, 1).first
    with Client(server.url) as client:
        (made,) = client.generate("population", seed=7, steps=7)
    expect(card).to_contain_text(f"u {made.uncertainty:.3g}")


def test_open_pages_do_not_keep_a_server_from_ending(
    visit: Visit, page: Page, server: Server
) -> None:
    """This one comes last."""
    visit.patient = True
    generate(page, 1)
    server.process.send_signal(signal.SIGTERM)
    # Before the time to drain is over: nothing is under way.
    assert server.process.wait(50) == 0
    assert not [line for line in server.log if "Traceback" in line or "ERROR" in line]
