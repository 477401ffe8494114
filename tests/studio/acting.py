"""What a visitor does, in words of the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from playwright.sync_api import Locator, Page, expect


def choose(page: Page, field: str, option: str) -> None:
    """Choose from a list."""
    page.get_by_role("combobox", name=field).click()
    page.get_by_role("option", name=option, exact=True).click()


def generate(page: Page, n: int, seed: int = 7) -> Locator:
    """Generate and wait for the end; returns the cards."""
    page.get_by_role("spinbutton", name="Samples").fill(str(n))
    page.get_by_role("spinbutton", name="Seed").fill(str(seed))
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".facts")).to_contain_text("evaluations")
    cards = page.locator(".cards .card")
    expect(cards).to_have_count(n)
    expect(page).to_have_url(re.compile("gallery="))
    return cards


def settled(drawing: Locator) -> Locator:
    """Wait until something is drawn that is not drawn anew any more; a click in between is lost."""
    before = ""
    while (now := drawing.inner_html()) != before:
        before = now
        drawing.page.wait_for_timeout(300)
    return drawing


def repeat(act: Callable[[], None], seen: Callable[[float | None], None]) -> None:
    """Act, and once or twice more if nothing comes of it: it may have just been drawn anew.

    ``seen`` waits for what comes of it so many ms, or as long as ever.
    """
    for _ in range(2):
        act()
        with suppress(AssertionError):
            seen(5000)
            return
    act()
    seen(None)


def click_until(target: Locator, there: Locator) -> None:
    """Click until something is there."""
    repeat(target.click, lambda ms: expect(there).to_be_visible(timeout=ms))


def thumb(page: Page, name: str) -> Locator:
    """What takes the keys of a slider."""
    return page.get_by_role("slider", name=name, exact=True).locator("[tabindex]")


def slide(page: Page, name: str, by: int) -> None:
    """Press keys: ten steps at a time, then the rest one by one; unless at its end it must move."""
    handle, slider = thumb(page, name), page.get_by_role("slider", name=name, exact=True)
    tens, ones = divmod(abs(by), 10)
    far, near = ("PageUp", "ArrowRight") if by > 0 else ("PageDown", "ArrowLeft")
    end = "aria-valuemax" if by > 0 else "aria-valuemin"
    for key in [far] * tens + [near] * ones:
        before = slider.get_attribute("aria-valuenow") or ""
        press = partial(handle.press, key)
        if before == slider.get_attribute(end):
            press()
        else:
            moved = partial(expect(slider).not_to_have_attribute, "aria-valuenow", before)
            repeat(press, lambda ms, moved=moved: moved(timeout=ms))


def value(page: Page, name: str) -> float:
    """Return where a slider stands."""
    slider = page.get_by_role("slider", name=name, exact=True)
    return float(slider.get_attribute("aria-valuenow") or "nan")


def open_sample(page: Page, which: int = 0) -> None:
    """Open a sample of the gallery, and wait for its trajectory."""
    page.locator(".cards .card").nth(which).click()
    expect(page.get_by_role("slider", name="Time")).to_be_visible()


def rewind(page: Page) -> Locator:
    """Rewind, and wait for the branches; returns their cards, beside that of the sample."""
    page.get_by_role("button", name="Rewind").click()
    side = page.get_by_role("region", name="Side by side")
    expect(side.locator("button.card").first).to_be_visible()
    return side.locator(".card")


def branch(page: Page, which: int) -> None:
    """Rewind, and open one of the branches, from 1 on; wait until it is the one on show.

    It may have the name of its parent, but has no branches yet.
    """
    rewind(page).nth(which).click()
    expect(page.get_by_role("region", name="Side by side")).to_contain_text("No branches yet")
    expect(page.get_by_role("slider", name="Time")).to_be_visible()
