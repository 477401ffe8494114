"""Reviews that outlive a server, and reviewers at several servers, in a real browser."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.server.running import Server, serving
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
