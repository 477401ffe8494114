"""A server with API keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.server.conftest import add_key
from tests.server.running import Server, serving
from tests.studio.acting import generate, open_sample
from tests.studio.conftest import Visit
from tests.studio.test_access import audit


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.json"


@pytest.fixture(scope="module")
def token(keys: Path) -> str:
    return add_key(keys, "generate", "edit")


@pytest.fixture(scope="module")
def narrow(keys: Path) -> str:
    return add_key(keys, "metrics")


@pytest.fixture(scope="module")
def guarded(
    models_dir: Path, installed: Path, keys: Path, token: str, narrow: str
) -> Iterator[Server]:
    """It is bound to every address, and reached by its studio over loopback."""
    models = ("--studio", "--models-dir", str(models_dir), "--default-model", "icons")
    options = (*models, "--host", "0.0.0.0", "--api-keys-file", str(keys))
    with serving(*options, plugins=installed) as running:
        yield running


def here(server: Server) -> str:
    """Where a server that is bound to every address is for this machine."""
    return server.url.replace("0.0.0.0", "127.0.0.1")


def enter(page: Page, key: str) -> None:
    page.get_by_role("textbox", name="API key").fill(key)
    page.get_by_role("button", name="Enter").click()


def test_the_key_is_asked_for_and_used(visit: Visit, guarded: Server, token: str) -> None:
    page = visit.open(here(guarded))
    asked = page.get_by_role("region", name="API key")
    expect(asked).to_be_visible()
    audit(page, "key")
    assert page.get_by_role("button", name="Generate").count() == 0
    enter(page, "sf_wrong")
    expect(asked.get_by_role("alert")).not_to_be_empty()
    enter(page, token)
    generate(page, 2)
    open_sample(page)


def test_it_is_kept_by_the_page_alone(visit: Visit, guarded: Server, token: str) -> None:
    page = visit.open(here(guarded))
    enter(page, token)
    expect(page.get_by_role("button", name="Generate")).to_be_visible()
    assert token not in page.content()
    kept = "JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}])"
    assert token not in page.evaluate(kept)
    assert visit.context.cookies() == []
    other = visit.open(here(guarded))
    expect(other.get_by_role("region", name="API key")).to_be_visible()
    page.reload()
    expect(page.get_by_role("region", name="API key")).to_be_visible()
    assert not [line for line in guarded.log if token in line]


def test_what_a_key_may_not_is_said(visit: Visit, guarded: Server, narrow: str) -> None:
    page = visit.open(here(guarded))
    enter(page, narrow)
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_role("alert").first).to_contain_text("lacks the scope generate")


def test_a_server_that_is_gone_is_told(visit: Visit, guarded: Server, token: str) -> None:
    """This one ends the server, and comes last."""
    visit.patient = True
    page = visit.open(here(guarded))
    enter(page, token)
    generate(page, 1)
    guarded.process.kill()
    expect(page.get_by_text("Connection lost.")).to_be_visible()
