"""Several settings and classes in one gallery, what a selection removes, and the page it makes."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from sureflow_client import Client
from sureflow_studio import card
from sureflow_studio.asked import options_of
from tests.server.running import Server
from tests.studio.acting import choose, slide
from tests.studio.conftest import Visit
from tests.studio.test_access import audit_all


def compared(page: Page, n: int) -> Locator:
    """Generate for guidance 1 and 3, and wait for the end; returns the columns."""
    choose(page, "Class", "half")
    page.get_by_text("Compare", exact=True).click()
    choose(page, "Compare with", "Another guidance")
    page.get_by_role("spinbutton", name="Samples").fill(str(n))
    page.get_by_role("spinbutton", name="Seed").fill("7")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".facts")).to_contain_text("evaluations")
    return page.locator(".column-of")


def spoken(cards: Locator) -> list[str]:
    names: list[str] = cards.evaluate_all("all => all.map(card => card.ariaLabel)")
    return names


def test_two_settings_side_by_side_from_the_same_seed(page: Page, server: Server) -> None:
    columns = compared(page, 3)
    expect(columns.locator(".column-name")).to_have_text(["guidance 1", "guidance 3"])
    with Client(server.url) as client:
        for column, guidance in enumerate((1, 3)):
            made = client.generate("icons", n=3, seed=7, label="half", guidance=guidance)
            assert spoken(columns.nth(column).locator(".card")) == [
                f"#{one.index}, {card.spoken(one)}" for one in made
            ]
    left, right = (columns.nth(i).bounding_box() for i in range(2))
    assert left is not None
    assert right is not None
    assert left["y"] == right["y"]
    audit_all(page, "comparison")
    page.reload()
    expect(columns.locator(".card")).to_have_count(6)
    expect(page.get_by_role("combobox", name="Class")).to_have_value("half")


def test_what_a_selection_removes_is_told_by_class(page: Page, server: Server) -> None:
    choose(page, "Class", "Every class")
    page.get_by_role("spinbutton", name="Samples").fill("12")
    page.get_by_role("spinbutton", name="Seed").fill("7")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".facts")).to_contain_text("evaluations")
    slide(page, "Least confidence to show", 50)
    expect(page.locator(".passing")).to_contain_text("≥ 0.50")
    with Client(server.url) as client:
        made = client.generate("icons", n=12, seed=7, labels=["half", "stripes"])
    assert [sample.label for sample in made[:2]] == ["half", "stripes"]
    kept = {
        label: sum(each.label == label and each.confidence >= 0.5 for each in made)
        for label in ("half", "stripes")
    }
    rows = page.locator(".selection-table tbody tr")
    expect(rows).to_have_count(2)
    for row, (label, count) in enumerate(kept.items()):
        after = f"{count / sum(kept.values()):.0%}"
        assert rows.nth(row).locator("th, td").all_inner_texts() == [label, "50%", after]


def test_as_many_of_each_class_are_asked_for(page: Page, server: Server) -> None:
    """Of one of them none passes, so that as many attempts are made at it as there may be."""
    choose(page, "Class", "Every class")
    page.get_by_role("spinbutton", name="Samples").fill("6")
    page.get_by_role("spinbutton", name="Seed").fill("7")
    page.get_by_text("Filter on the server").click()
    each = page.get_by_role("switch", name="As many that pass of each class")
    choose(page, "Unsure samples", "Drop")
    expect(each).to_be_hidden()
    choose(page, "Unsure samples", "Regenerate")
    each.click()
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".facts")).to_contain_text("evaluations")
    with Client(server.url) as client:
        asked = client.handle(client.handles(1)[0].id).asked
        assert asked is not None
        made = client.generate("icons", **options_of(asked.request), n=6)
    assert asked.request["filter"]["stratify"]
    assert [each.label for each in made if each.accepted] == ["stripes"] * 3
    expect(page.locator(".cards .card")).to_have_count(len(made))
    choose(page, "Class", "half")
    expect(each).to_be_hidden()


def test_a_gallery_is_kept_as_a_page(page: Page, visit: Visit, tmp_path: Path) -> None:
    """It opens from a file, with no server: pictures, confidences and recipes are in it."""
    compared(page, 2)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export").click()
    file = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(file)
    page.goto("about:blank")
    visit.hosts.clear()
    page.goto(file.as_uri())
    expect(page.locator("figure")).to_have_count(4)
    widths = page.locator("img").evaluate_all("all => all.map(one => one.naturalWidth)")
    assert widths == [4] * 4
    expect(page.get_by_role("heading", level=2)).to_have_text(["guidance 1", "guidance 3"])
    page.locator("summary").first.click()
    expect(page.locator("pre").first).to_contain_text('"seed": 7')
    assert page.locator("script").count() == 0
    assert visit.hosts <= {""}
