"""Pictures of the studio, for the README.

Runs a server with the embedded models and looks at it with a headless browser::

    python -m benchmarks.screenshots --out docs
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.browser import chromium

ROOT = Path(__file__).parents[1]
SERVING = re.compile(r"serving .* at (http://\S+)")
DESK, PHONE, NARROW = (1440, 900), (390, 844), (1024, 800)
PARTS = {"crystal": ".viewer"}
"""What is shown of a page, if not the gallery."""
PATIENCE_MS = 120_000
SEED = 7
SETTLED_MS = 2000
"""After which three.js has drawn what is new."""

FLAGS = ("--no-sandbox", "--enable-unsafe-swiftshader", "--use-gl=angle", "--use-angle=swiftshader")
"""By which a browser draws in three dimensions without a graphics card."""


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Run a server with the studio; yield its address."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sureflow_server.cli", "serve", "--port", "0", "--studio"]
        with subprocess.Popen(
            [*command, "--data-dir", folder],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdout is not None
            try:
                yield next(match[1] for line in process.stdout if (match := SERVING.search(line)))
            finally:
                process.terminate()


def visit(browser: Browser, url: str, size: tuple[int, int], dark: bool = False) -> Page:
    """Open the page in a window of a size."""
    width, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
    )
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    return page


def choose(page: Page, field: str, option: str) -> None:
    """Choose from a list."""
    page.get_by_role("combobox", name=field).click()
    page.get_by_role("option", name=option, exact=True).click()


def generate(page: Page, model: str, n: int, label: str | None = None) -> None:
    """Generate and wait for the end."""
    choose(page, "Model", model)
    if label is not None:
        choose(page, "Class", label)
    page.get_by_role("spinbutton", name="Samples").fill(str(n))
    page.get_by_role("spinbutton", name="Seed").fill(str(SEED))
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".facts")).to_contain_text("evaluations")


def slide(page: Page, name: str, by: int) -> None:
    """Press an arrow key of a slider so many times."""
    thumb = page.get_by_role("slider", name=name, exact=True).locator("[tabindex]")
    for _ in range(abs(by)):
        thumb.press("ArrowRight" if by > 0 else "ArrowLeft")
    thumb.blur()


def gallery(page: Page) -> None:
    """Twenty-four digits, the doubtful ones stepped back, and the certified risk."""
    generate(page, "digits", 24, "3")
    slide(page, "Least confidence to show", 37)
    expect(page.locator(".passing")).to_contain_text("0.37")


def bench(page: Page) -> None:
    """The least sure of them, rewound, with its branches."""
    generate(page, "fashion", 8, "Sandal")
    page.locator(".cards .card").last.click()
    page.get_by_role("button", name="Commit point").click()
    page.get_by_role("button", name="Rewind").click()
    side = page.get_by_role("region", name="Side by side")
    expect(side.get_by_role("button")).to_have_count(4)


def plane(page: Page) -> None:
    """Points of the ring, in the dark."""
    generate(page, "ring", 96)
    slide(page, "Least confidence to show", 20)
    page.get_by_role("switch", name="Hide the others").click()


def molecules(page: Page) -> None:
    """Molecules at a low temperature, the surest tokens first."""
    choose(page, "Model", "molecules")
    page.get_by_text("Solver and score").click()
    choose(page, "Method", "confidence")
    page.get_by_role("spinbutton", name="Temperature").fill("0.6")
    page.get_by_text("Solver and score").click()
    generate(page, "molecules", 12)


def crystal(page: Page) -> None:
    """The surest of a few crystals, in three dimensions."""
    choose(page, "Model", "crystals")
    page.get_by_role("textbox", name="Composition").fill("BaTiO3")
    generate(page, "crystals", 4)
    page.locator(".cards .card").first.click()
    expect(page.locator(".crystal-scene")).to_be_visible()
    expect(page.get_by_role("slider", name="Time")).to_be_visible()
    page.wait_for_timeout(SETTLED_MS)


def cells(page: Page) -> None:
    """Cells of every kind."""
    generate(page, "cells", 20, "Every class")


def weights(page: Page) -> None:
    """Points of forty modes, as large as their weights."""
    generate(page, "mixture-40", 30)


def shoot(page: Page, path: Path, whole: bool = False) -> None:
    """Write what is seen; ``whole`` goes on below the edge of the window."""
    expect(page.locator(".q-notification")).to_have_count(0)
    page.evaluate("document.fonts.ready")
    page.screenshot(path=path, full_page=whole, animations="disabled")
    print(path)
    page.close()


def shoot_part(page: Page, part: str, path: Path) -> None:
    """Write a part of the page."""
    page.evaluate("document.fonts.ready")
    page.locator(part).screenshot(path=path, animations="disabled")
    print(path)
    page.close()


def main() -> None:
    """Parse the command line, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    out: Path = parser.parse_args().out
    expect.set_options(timeout=PATIENCE_MS)
    with serving() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS])
        page = visit(browser, url, DESK)
        gallery(page)
        shoot(page, out / "studio-gallery.png")
        page = visit(browser, url, DESK)
        bench(page)
        shoot(page, out / "studio-rewind.png", whole=True)
        page = visit(browser, url, DESK, dark=True)
        plane(page)
        shoot(page, out / "studio-ring.png")
        page = visit(browser, url, PHONE)
        gallery(page)
        page.locator(".gallery").scroll_into_view_if_needed()
        shoot(page, out / "studio-phone.png")
        for name, act in (
            ("molecules", molecules),
            ("crystal", crystal),
            ("cells", cells),
            ("weights", weights),
        ):
            page = visit(browser, url, NARROW)
            act(page)
            shoot_part(page, PARTS.get(name, ".gallery"), out / f"studio-{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
