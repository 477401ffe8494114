"""Reviewing in a real browser, a key for each sample."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from sureflow_client import Refit
from sureflow_studio.review import learned
from tests.server.running import Server, serving
from tests.studio.acting import choose, generate
from tests.studio.conftest import Visit

ROOM = 64
"""Verdicts that the server keeps."""


@pytest.fixture(scope="module")
def own(
    models_dir: Path, installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server with models whose certificates may change."""
    models = tmp_path_factory.mktemp("review") / "models"
    shutil.copytree(models_dir, models)
    options = ("--studio", "--models-dir", str(models), "--default-model", "icons")
    with serving(*options, "--max-verdicts", str(ROOM), plugins=installed) as server:
        yield server


def verdicts(server: Server) -> list[float]:
    page = server.client.get("/v1/verdicts?model=icons").text
    return [json.loads(line)["bad"] for line in page.splitlines()]


def test_keys_make_a_certificate(own: Server, visit: Visit) -> None:
    page = visit.open(own.url)
    page.get_by_role("button", name="Review").click()
    panel = page.get_by_role("region", name="Review")
    expect(panel.get_by_text("0 judged.")).to_be_visible()
    expect(panel.locator(".review-picture")).to_be_visible()
    page.keyboard.press("b")
    expect(panel.get_by_text("1 judged.")).to_be_visible()
    page.keyboard.press("u")
    expect(panel.get_by_text("0 judged.")).to_be_visible()
    assert verdicts(own) == []
    panel.get_by_role("spinbutton", name="Bad rate").fill("0.1")
    expect(panel.get_by_text("certify 10% bad")).to_be_visible()
    panel.get_by_text("0 judged.").click()  # so that keys are no longer for the field
    for judged in range(1, 41):  # a key that comes before there is a sample is for none
        page.keyboard.press("g")
        expect(panel.get_by_text(f"{judged} judged.")).to_be_visible()
    expect(panel.get_by_text("40 judged. 10% bad is certified.")).to_be_visible()
    assert verdicts(own) == [0.0] * 40
    panel.get_by_role("button", name="Have filters go by it").click()
    expect(page.get_by_role("alert").get_by_text("replace: true")).to_be_visible()
    panel.get_by_text("Even if the one in service promises more").click()
    panel.get_by_role("button", name="Have filters go by it").click()
    expect(panel.get_by_text("In service: by review")).to_be_visible()
    card = own.client.get("/v1/models/icons").json()["calibrated"]["conformal"]
    assert card["judge"] == "review"
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_be_hidden()
    expect(page.get_by_role("region", name="Risk and coverage")).to_be_visible()
    page.keyboard.press("g")
    assert len(verdicts(own)) == 40


def test_a_review_has_an_address(own: Server, visit: Visit) -> None:
    """It is there again after a reload, and Back leads to what was on show before."""
    page = visit.open(own.url)
    cards = generate(page, 2)
    gallery = page.url
    page.get_by_role("button", name="Review").click()
    panel = page.get_by_role("region", name="Review")
    picture = panel.locator(".review-picture")
    expect(picture).to_be_visible()
    expect(page).to_have_url(f"{gallery}&review=icons")
    page.reload()
    expect(picture).to_be_visible()
    expect(cards.first).to_be_hidden()
    page.keyboard.press("Escape")
    expect(cards).to_have_count(2)
    expect(panel).to_be_hidden()
    expect(page).to_have_url(gallery)
    page.go_back()
    expect(picture).to_be_visible()
    panel.get_by_role("button", name="Teach a version of the model").click()
    expect(page.get_by_role("alert").first).to_contain_text("it takes 50")
    choose(page, "Model", "points")
    expect(page.get_by_role("alert").first).to_contain_text("points")
    expect(panel).to_contain_text("Nothing to look at")
    expect(panel.get_by_text("judged")).to_be_hidden()
    page.wait_for_function("location.search.endsWith('&review=points')")
    page.go_back()
    expect(cards.first).to_be_visible()


def test_what_a_version_is_worth_in_words() -> None:
    interval = {"value": 0.9, "low": 0.8, "high": 0.95}
    said = {
        "model": "icons",
        "model_version": "",
        "name": "icons-2",
        "version": "",
        "calibration_version": "",
        "judged": 80,
        "bad": 9,
        "spearman": 0.5,
        "score": "propagated",
        "certificates": 1,
        "usage": {"evaluations": 1, "evaluations_saved": 0, "queue_s": 0.1, "compute_s": 0.1},
    }
    few = Refit.model_validate(said)
    assert learned(few).endswith(
        "icons is as before. Too few are bad to say how well it finds them."
    )
    told = learned(Refit.model_validate({**said, "auroc": interval, "in_use": interval}))
    assert told.startswith("icons-2 is written, of 80 verdicts; icons is as before.")
    assert told.endswith(
        "an AUROC of 0.90 [0.80, 0.95], and propagated with one of 0.90 [0.80, 0.95]."
    )


def test_a_verdict_that_is_not_kept_loses_no_sample(own: Server, visit: Visit) -> None:
    """The last test here: it fills the room for verdicts."""
    for seed in range(ROOM):
        recipe = {"model": "points", "seed": seed}
        given = {"verdicts": [{"recipe": recipe, "verdict": "good"}]}
        if own.client.post("/v1/verdicts", json=given).status_code == 507:
            break
    page = visit.open(f"{own.url}/?review=icons")
    picture = page.get_by_role("region", name="Review").locator(".review-picture")
    expect(picture).to_be_visible()
    before = picture.get_attribute("src") or ""
    page.keyboard.press("g")
    expect(page.get_by_role("alert").first).to_contain_text("The store of verdicts is full")
    expect(picture).to_have_attribute("src", before)
