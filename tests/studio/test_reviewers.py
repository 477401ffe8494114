"""Reviews that outlive a server, and reviewers at several servers, in a real browser."""

from __future__ import annotations

import json
import shutil
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.server.conftest import add_key
from tests.server.conftest import redis as redis
from tests.server.running import Server, eventually, serving
from tests.server.store.redis_server import RedisServer
from tests.studio.conftest import Visit

VERDICTS = 150


def exported(server: Server, model: str = "icons") -> list[dict[str, Any]]:
    page = server.client.get("/v1/verdicts", params={"model": model})
    assert page.status_code == 200, page.text
    return [json.loads(line) for line in page.text.splitlines()]


def panel_of(page: Page) -> Locator:
    panel = page.get_by_role("region", name="Review")
    expect(panel.locator(".review-picture")).to_be_visible()
    return panel


def press(page: Page, first: int, last: int) -> None:
    """Find samples good, from this many verdicts on to that many."""
    for judged in range(first + 1, last + 1):
        page.keyboard.press("g")
        expect(panel_of(page).get_by_text(f"{judged} judged.")).to_be_visible()


@pytest.mark.slow
def test_a_server_killed_in_the_middle_loses_no_verdict(
    models_dir: Path, installed: Path, tmp_path: Path, visit: Visit
) -> None:
    models = tmp_path / "models"
    shutil.copytree(models_dir, models)
    kept = ("--models-dir", str(models), "--default-model", "icons", "--data-dir", str(tmp_path))
    visit.patient = True
    with serving("--studio", *kept, plugins=installed) as server:
        page = visit.open(f"{server.url}/?review=icons")
        expect(panel_of(page).get_by_text("0 judged.")).to_be_visible()
        half = VERDICTS // 2
        press(page, 0, half)
        seen = exported(server)
        for _ in range(5):  # some of these are on the way when it dies
            page.keyboard.press("g")
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        port = str(urlsplit(server.url).port)
    with serving("--studio", *kept, "--port", port, plugins=installed) as again:
        before = exported(again)
        assert before[:half] == seen
        panel = panel_of(page)
        expect(panel.get_by_text(f"{len(before)} judged.")).to_be_visible()  # nobody reloads it
        press(page, len(before), VERDICTS)
        after = exported(again)
        assert after[: len(before)] == before
        assert len({line["sample"] for line in after}) == len(after) == VERDICTS
        panel.get_by_text("Even if the one in service promises more").click()
        panel.get_by_role("button", name="Have filters go by it").click()
        expect(panel.get_by_text("In service: by review")).to_be_visible()
        card = again.client.get("/v1/models/icons").json()["calibrated"]["conformal"]
        assert (card["judge"], card["draws"]) == ("review", VERDICTS)
        rate = 0.05
        assert card["thresholds"][0][1] <= rate
        asked = {"model": "icons", "condition": {"label": "half"}, "n": 4}
        again.generate(**asked, filter={"max_bad_rate": rate})


@pytest.mark.slow
def test_two_reviewers_at_two_servers_see_one_review(
    models_dir: Path, installed: Path, tmp_path: Path, redis: RedisServer, browser: Browser
) -> None:
    """They look at different samples, see the same counts, and the certificate is both's."""
    keys, names = tmp_path / "keys.json", ("ann", "bob")
    tokens = [add_key(keys, "review", "generate", name=name) for name in names]
    shared = ("--studio", "--default-model", "icons", "--store", f"{redis.url}?db=8")
    with ExitStack() as stack:
        pages, servers = [], []
        for name, token in zip(names, tokens, strict=True):
            models = shutil.copytree(models_dir, tmp_path / name / "models")
            own = ("--models-dir", str(models), "--data-dir", str(tmp_path / name))
            options = (*shared, *own, "--api-keys-file", str(keys))
            server = stack.enter_context(serving(*options, plugins=installed))
            server.client.headers["Authorization"] = f"Bearer {token}"
            context = browser.new_context(reduced_motion="reduce")
            stack.callback(context.close)
            page = context.new_page()
            page.goto(f"{server.url}/?review=icons")
            page.get_by_role("textbox", name="API key").fill(token)
            page.get_by_role("button", name="Enter").click()
            pages.append(page)
            servers.append(server)
        seen: list[list[str]] = [[], []]
        for page in pages:
            expect(panel_of(page).get_by_text("0 judged.")).to_be_visible()
        for judged in range(60):  # they take turns, so that each sees what the other has done
            page = pages[judged % 2]
            alt = panel_of(page).locator(".review-picture").get_attribute("alt")
            seen[judged % 2].append(f"{alt}".removeprefix("Sample "))
            press(page, judged, judged + 1)
        assert not {*seen[0]} & {*seen[1]}
        for server in servers:
            lines = exported(server)
            for name, draws in zip(names, seen, strict=True):
                assert {one["sample"] for one in lines if one["reviewer"] == name} == {*draws}
            assert len(lines) == 60
        panel = panel_of(pages[0])
        panel.get_by_text("Even if the one in service promises more").click()
        panel.get_by_role("button", name="Have filters go by it").click()
        expect(panel.get_by_text("In service: by review")).to_be_visible()
        asked = {"model": "icons", "condition": {"label": "half"}}
        made = servers[0].generate(**asked)["calibration_version"]
        eventually(lambda: servers[1].generate(**asked)["calibration_version"] == made)
        press(pages[1], 60, 61)
        expect(panel_of(pages[1]).get_by_text("In service: by review")).to_be_visible()
        expect(panel_of(pages[1]).get_by_text("Verdicts: bob 31, ann 30.")).to_be_visible()
