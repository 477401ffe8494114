"""Samples that are neither images nor points: every view, by keyboard and screen reader too."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page, expect

from sureflow.checkpoint import CheckpointConfig, save
from sureflow.families.counts.engine import built as built_counts
from sureflow.families.tokens.engine import built as built_tokens
from sureflow.families.tokens.molecule import available
from sureflow_client import molecule_svg
from tests.server.running import ROOT, Server, eventually, serving
from tests.server.test_counts import NETWORK as COUNTS
from tests.server.test_sequences import MOLECULES
from tests.studio.acting import choose, generate, open_sample, rewind, slide
from tests.studio.conftest import DESK, Visit
from tests.studio.test_access import audit, audit_all

SHIPPED = ("crystals", "funnel")

DRAWN_MS = 500
"""After which a scene has been drawn."""


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Iterator[Server]:
    """A server with a small model of every kind."""
    folder: Path = tmp_path_factory.mktemp("varied")
    torch.manual_seed(0)
    makers: dict[str, tuple[str, dict[str, Any], Callable[..., Any], tuple[str, ...]]] = {
        "alcohols": ("tokens", MOLECULES, built_tokens, ()),
        "blood": ("counts", COUNTS, built_counts, ("B", "T")),
    }
    for name, (family, network, built, classes) in makers.items():
        config = CheckpointConfig(
            name=name, network=network, family=family, media="vector", classes=classes
        )
        save(folder / name, config, built(network))
    for name in SHIPPED:
        shutil.copytree(ROOT / "models" / "checkpoints" / name, folder / name)
    options = ("--studio", "--models-dir", str(folder), "--default-model", "alcohols")
    with serving(*options, plugins=installed) as running:
        yield running


@pytest.fixture
def page(visit: Visit, varied: Server) -> Page:
    page = visit.open(varied.url)
    expect(page.get_by_role("button", name="Generate")).to_be_visible()
    return page


def begin(page: Page, model: str, n: int) -> None:
    """Generate, hear the view of all samples, and open the first."""
    choose(page, "Model", model)
    generate(page, n)
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")
    page.set_viewport_size(DESK)
    audit(page, f"{model}, gallery")
    open_sample(page)


@pytest.mark.skipif(not available(), reason="RDKit draws molecules")
def test_molecules_are_drawn_and_their_tokens_appear(page: Page) -> None:
    begin(page, "alcohols", 6)
    page.keyboard.press("Escape")
    cards = page.locator(".cards .card")
    texts = ["".join(text.split()) for text in cards.locator(".tokens").all_inner_texts()]
    valid = [text for text in texts if molecule_svg(text) is not None]
    assert 0 < len(valid) < len(texts)
    assert cards.locator("img.molecule-picture").count() == len(valid)
    assert cards.get_by_text("not a valid molecule").count() == len(texts) - len(valid)
    open_sample(page)
    stage = page.get_by_role("region", name="Trajectory")
    shown = stage.locator(".stage-tokens [role=img]")
    expect(shown).to_have_attribute("aria-label", re.compile(re.escape(texts[0])))
    page.get_by_role("button", name="State", exact=True).click()
    slide(page, "Time", -100)
    expect(stage.locator(".token-hole").first).to_be_visible()
    rewind(page)
    audit_all(page, "molecule")


def test_crystals_are_turned_by_keys_and_have_a_table_of_sites(page: Page) -> None:
    begin(page, "crystals", 2)
    rows = page.locator(".sites tbody tr")
    expect(rows).to_have_count(3)  # Ag2O
    scene = page.locator(".crystal-scene canvas")
    expect(scene).to_be_visible()
    page.wait_for_timeout(DRAWN_MS)
    before = scene.screenshot()
    page.get_by_role("button", name="Along b").focus()
    page.keyboard.press("Enter")
    eventually(lambda: scene.screenshot() != before)
    sites = rows.first.inner_text()
    slide(page, "Time", -5)
    expect(rows.first).not_to_have_text(sites)
    rewind(page)
    audit_all(page, "crystal")


def test_counts_are_a_map_of_heat_and_bars(page: Page) -> None:
    begin(page, "blood", 5)
    expect(page.get_by_role("img", name="The largest counts of the sample")).to_contain_text("LYZ")
    page.get_by_text("All counts as a table").click()
    expect(page.locator(".sites tbody tr").first).to_be_visible()
    choose(page, "Operation", "Hold")
    expect(page.get_by_role("textbox", name="Counts")).to_be_visible()
    rewind(page)
    audit_all(page, "counts")
    page.keyboard.press("Escape")
    expect(page.get_by_role("img", name="Samples by their principal components")).to_be_visible()
    expect(page.get_by_role("img", name="Counts of all samples")).to_be_visible()


def test_weighted_points_have_their_summary(page: Page) -> None:
    """Of ten components two are chosen; the server doubts what so few steps come to."""
    page.get_by_text("Solver and score").click()
    choose(page, "Model", "funnel")
    page.get_by_role("spinbutton", name="Steps", exact=True).fill("20")
    generate(page, 4)
    summary = page.locator(".summary")
    expect(summary).to_contain_text("ess ")
    expect(summary).to_contain_text("log_z ")
    choose(page, "Across", "x₁₀")
    expect(page.locator(".gallery .square svg")).to_contain_text("x₁₀")
    expect(page.get_by_text("The area of a point is its weight.")).to_be_visible()
    audit(page, "weights")
    open_sample(page)
    rewind(page)
    audit_all(page, "weighted")
