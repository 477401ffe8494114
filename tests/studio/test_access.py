"""Every view for keyboards and screen readers, on screens of three widths, light and dark."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize, expect

from tests.server.running import Server
from tests.studio.acting import choose, generate, open_sample, rewind, slide
from tests.studio.conftest import DESK, Visit

SIZES: tuple[ViewportSize, ...] = (
    DESK,
    {"width": 1024, "height": 768},
    {"width": 390, "height": 844},
)
GRAVE = ("serious", "critical")


def audit(page: Page, view: str, within: str = "html") -> None:
    """Fail for what would keep somebody from using the page."""
    found: list[dict[str, Any]] = Axe().run(page, context=within).response["violations"]
    grave = [
        (view, one["id"], one["nodes"][0]["html"][:300], one["nodes"][0]["failureSummary"])
        for one in found
        if one["impact"] in GRAVE
    ]
    assert not grave, "\n".join(map(str, grave))


def in_view(page: Page, selector: str) -> bool:
    """Whether the whole of something is on the screen."""
    inside: bool = page.locator(selector).first.evaluate(
        """(one) => { const box = one.getBoundingClientRect();
        return box.top >= 0 && box.bottom <= innerHeight && box.right <= innerWidth; }"""
    )
    return inside


def audit_all(page: Page, view: str) -> None:
    """On every width, that nothing is to be scrolled sideways; light and dark, that all is told."""
    for size in SIZES:
        page.set_viewport_size(size)
        # Charts are drawn anew a moment after.
        page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")
    for colours in ("dark", "light"):
        page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
        audit(page, f"{view}, {colours}")
    page.set_viewport_size(DESK)
    audit(page, f"{view}, wide")


def test_galleries(page: Page, visit: Visit) -> None:
    audit(page, "empty")
    choose(page, "Class", "Every class")
    generate(page, 6)
    slide(page, "Least confidence to show", 40)
    page.get_by_text("Solver and score").click()
    page.get_by_text("Filter on the server").click()
    page.get_by_text("Compare", exact=True).click()
    audit_all(page, "gallery")
    page.get_by_role("button", name="History").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    audit(page, "history", within="[role=dialog]")


def test_a_sample_and_its_branches(page: Page) -> None:
    """Wide screens show the branches beside the sample; on others they come into view."""
    generate(page, 2)
    for size in SIZES:
        page.set_viewport_size(size)
        open_sample(page)
        rewind(page)
        side = ".side-panel button.card"
        page.wait_for_function(
            "(side) => document.querySelector(side).getBoundingClientRect().bottom <= innerHeight",
            arg=side,
        )
        assert in_view(page, side), size
        if size is DESK:
            assert page.evaluate("scrollY") == 0
            assert in_view(page, ".stage")
            audit_all(page, "sample")
        page.keyboard.press("Escape")
        expect(page.locator(".cards .card").first).to_be_visible()


def test_a_review(page: Page) -> None:
    page.get_by_role("button", name="Review").click()
    panel = page.get_by_role("region", name="Review")
    expect(panel.get_by_text("judged.")).to_be_visible()
    expect(panel.locator(".review-picture")).to_be_visible()
    audit_all(page, "review")


@pytest.mark.slow
def test_vectors(page: Page, server: Server) -> None:
    choose(page, "Model", "points")
    generate(page, 2)
    audit(page, "points")
    open_sample(page)
    audit(page, "path")
