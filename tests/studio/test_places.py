"""Nothing is lost: addresses, the way back, reloading, refusals, another start of the server."""

from __future__ import annotations

import json
import re
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from sureflow_client import Client, Resample
from sureflow_studio.pictures import address
from tests.server.running import Server, serving
from tests.studio.acting import generate, open_sample, value
from tests.studio.conftest import Visit

PREFIX = "/sureflow"


def pictures(page: Page) -> list[str]:
    sources: list[str] = page.locator(".cards img").evaluate_all("all => all.map(one => one.src)")
    return sources


def test_a_refused_request_keeps_the_gallery(page: Page) -> None:
    generate(page, 2)
    before, where = pictures(page), page.url
    page.get_by_text("Solver and score").click()
    page.get_by_role("spinbutton", name="Steps", exact=True).fill("100000")
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_role("alert").first).to_contain_text("sampler.steps")
    expect(page.get_by_role("button", name="Generate")).to_be_visible()
    assert pictures(page) == before
    expect(page).to_have_url(where)


def test_a_refusal_is_on_the_screen_also_of_a_phone(page: Page) -> None:
    """It was above what a phone shows when its visitor presses the button."""
    page.set_viewport_size({"width": 390, "height": 600})
    page.get_by_text("Solver and score").click()
    page.get_by_role("spinbutton", name="Steps", exact=True).fill("100000")
    button = page.get_by_role("button", name="Generate")
    button.scroll_into_view_if_needed()
    button.click()
    expect(page.get_by_role("alert").first).to_be_in_viewport()


def test_more_samples_than_the_page_shows_are_refused_where_they_are_asked_for(page: Page) -> None:
    """The number was sent as it was, and then became another one in the field."""
    generate(page, 2)
    before, where = pictures(page), page.url
    samples = page.get_by_role("spinbutton", name="Samples")
    samples.fill("5000")
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_text("At most 256 here")).to_be_visible()
    expect(samples).to_have_value("5000")
    assert pictures(page) == before
    expect(page).to_have_url(where)
    generate(page, 3)
    expect(page.get_by_text("At most 256 here")).to_be_hidden()


def test_back_forward_and_reload_lead_to_the_same(page: Page, server: Server) -> None:
    cards = generate(page, 3)
    gallery = page.url
    made = pictures(page)
    with Client(server.url) as client:
        assert f"gallery={client.handles(1)[0].request}" in gallery
        assert client.jobs.list(1)[0].request in gallery
    open_sample(page, 1)
    expect(page).to_have_url(re.compile(r"sample=\w+"))
    page.go_back()
    expect(cards.first).to_be_visible()
    expect(page).to_have_url(gallery)
    page.go_forward()
    picture = page.locator(".stage img")
    expect(picture).to_have_attribute("src", made[1])
    page.reload()
    expect(picture).to_have_attribute("src", made[1])
    expect(page.get_by_role("slider", name="Time")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".facts")).to_contain_text("evaluations")
    assert pictures(page) == made
    expect(page.get_by_role("spinbutton", name="Seed")).to_have_value("7")
    page.go_back()
    expect(picture).to_have_attribute("src", made[1])


def test_some_classes_that_took_turns_are_chosen_again(page: Page, server: Server) -> None:
    with Client(server.url) as client:
        client.generate("icons", n=2, seed=4, labels=["stripes"], rewind=True)
    page.get_by_role("button", name="History").click()
    page.get_by_role("dialog").get_by_role("button").first.click()
    expect(page.locator(".cards .card")).to_have_count(2)
    expect(page.get_by_role("combobox", name="Class")).to_have_value("stripes")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".facts")).to_contain_text("evaluations")
    expect(page).to_have_url(re.compile("labels"))


def test_the_history_is_that_of_the_server(page: Page, server: Server) -> None:
    with Client(server.url) as client:
        made = client.generate("points", n=3, seed=4, rewind=True)
    page.get_by_role("button", name="History").click()
    dialog = page.get_by_role("dialog")
    row = dialog.get_by_role("button").first
    expect(row).to_contain_text("points · 3 samples")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="History").click()
    row.click()
    expect(page.locator(".cards .card")).to_have_count(3)
    expect(page.locator(".facts")).to_have_text("3 of 3 samples are still on the server")
    expect(page).to_have_url(re.compile(f"gallery={made.id}"))


def test_a_gallery_of_the_history_has_its_question(page: Page, server: Server) -> None:
    """Its pictures, the fields as they were, and what makes a sample again."""
    filtered: dict[str, Any] = {"filter": {"min": 0.2, "action": "annotate"}, "steps": 6}
    with Client(server.url) as client:
        made = client.generate(
            "icons", n=3, seed=11, label="stripes", guidance=1.5, rewind=True, **filtered
        )
    generate(page, 1)
    page.get_by_role("button", name="History").click()
    row = page.get_by_role("dialog").get_by_role("button", name="icons · 3 samples").first
    expect(row).to_contain_text("stripes · 6 steps · guidance 1.5 · seed 11")
    expect(row.locator("img")).to_be_visible()
    row.click()
    cards = page.locator(".cards .card")
    expect(cards).to_have_count(3)
    expect(page.get_by_role("spinbutton", name="Samples")).to_have_value("3")
    expect(page.get_by_role("spinbutton", name="Seed")).to_have_value("11")
    expect(page.get_by_role("combobox", name="Class")).to_have_value("stripes")
    assert value(page, "Guidance") == 1.5
    page.get_by_text("Filter on the server").click()
    assert value(page, "Least confidence") == 0.2
    page.get_by_role("button", name='Expand "Compare"').click()
    expect(page.get_by_role("combobox", name="Compare with")).to_have_value("Nothing")
    open_sample(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Recipe").click()
    recipe = json.loads(Path(download.value.path()).read_text())
    with Client(server.url) as client:
        assert client.replay(recipe).outcome == "equal"
    page.keyboard.press("Escape")
    expect(cards).to_have_count(3)
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".facts")).to_contain_text("evaluations")
    assert sorted(pictures(page)) == sorted(address(sample.image()) for sample in made)


def test_what_came_through_other_doors_is_in_the_history_too(page: Page, server: Server) -> None:
    """Images asked for as of OpenAI are a question; a sample that was given has its recipe."""
    images = {"model": "icons", "prompt": "stripes", "n": 2, "seed": 13, "rewind": {}}
    made = server.client.post("/v1/images/generations", json=images).json()["data"]
    with Client(server.url) as client:
        (given,) = client.invert([np.eye(4)[None]], "icons", label="half", rewind=True)
    page.get_by_role("button", name="History").click()
    rows = page.get_by_role("dialog").get_by_role("button")
    expect(rows.nth(0)).to_contain_text("given · half")
    asked = rows.filter(has_text="stripes · seed 13").first
    expect(asked).to_contain_text("icons · 2 samples")
    rows.nth(0).click()
    expect(page.locator(".cards .card")).to_have_count(1)
    assert pictures(page) == [address(given.image())]
    open_sample(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Recipe").click()
    recipe = json.loads(Path(download.value.path()).read_text())
    assert [call["path"] for call in recipe["calls"]] == ["/v1/invert"]
    with Client(server.url) as client:
        assert client.replay(recipe).outcome == "equal"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="History").click()
    asked.click()
    expect(page.locator(".cards .card")).to_have_count(2)
    expect(page.get_by_role("combobox", name="Class")).to_have_value("stripes")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".facts")).to_contain_text("evaluations")
    pngs = [f"data:image/png;base64,{each['b64_json']}" for each in made]
    assert sorted(pictures(page)) == sorted(pngs)


def test_a_branch_of_an_earlier_visit_has_its_recipe(page: Page, server: Server) -> None:
    with Client(server.url) as client:
        parent = client.generate("icons", n=2, seed=12, rewind=True)[1]
        (branch,) = client.edit(parent, Resample(), at=0.5, seed=3, rewind=True)
    assert branch.handle is not None
    page.goto(f"{server.url}/?sample={branch.handle.id}")
    expect(page.get_by_role("slider", name="Time")).to_be_visible()
    expect(page.locator(".tree")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Recipe").click()
    recipe = json.loads(Path(download.value.path()).read_text())
    assert [call["path"] for call in recipe["calls"]] == ["/v1/generate", "/v1/edit"]
    with Client(server.url) as client:
        assert client.replay(recipe).outcome == "equal"


def test_escape_closes_the_innermost(page: Page) -> None:
    generate(page, 1)
    open_sample(page)
    page.get_by_role("combobox", name="Operation").click()
    listed = page.get_by_role("option", name="Resample")
    expect(listed).to_be_visible()
    page.keyboard.press("Escape")
    expect(listed).to_be_hidden()
    expect(page.get_by_role("slider", name="Time")).to_be_visible()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Escape")
    expect(page.locator(".cards .card").first).to_be_visible()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.slow
def test_below_a_prefix_and_after_another_start(
    visit: Visit, models_dir: Path, installed: Path, tmp_path: Path
) -> None:
    """The server is killed and started again; the page finds its samples, in the end without."""
    options = ("--studio", "--models-dir", str(models_dir), "--default-model", "icons")
    kept = ("--data-dir", str(tmp_path / "data"), "--port", str(free_port()))
    options = (*options, *kept, "--root-path", PREFIX)
    asked: list[str] = []
    visit.context.on("request", lambda request: asked.append(urlsplit(request.url).path))
    visit.patient = True
    with ExitStack() as stack:
        first = stack.enter_context(serving(*options, plugins=installed))
        page = visit.open(f"{first.url}{PREFIX}/")
        generate(page, 2)
        made = pictures(page)
        assert page.get_by_role("link", name="API").get_attribute("href") == f"{PREFIX}/docs"
        first.process.kill()
        first.process.wait()
    with serving(*options, plugins=installed) as second:
        page.reload()
        expect(page.locator(".facts")).to_have_text("2 of 2 samples are still on the server")
        assert sorted(pictures(page)) == sorted(made)
        open_sample(page)
        expect(page).to_have_url(re.compile("&sample="))
        gallery = re.sub(r"&sample=[\w-]+", "", page.url)
        with Client(second.url) as client:
            for handle in client.handles():
                client.delete_handle(handle)
        page.goto(gallery)
        expect(page.get_by_role("alert").first).to_contain_text("no longer keeps these samples")
        expect(page.get_by_role("spinbutton", name="Samples")).to_have_value("2")
        page.get_by_role("button", name="Generate").click()
        expect(page.locator(".facts")).to_contain_text("evaluations")
        assert sorted(pictures(page)) == sorted(made)
        page.goto(f"{second.url}{PREFIX}/docs")
        expect(page.locator(".opblock").first).to_be_visible()
        assert {path.startswith(f"{PREFIX}/") for path in asked} == {True}
        page.goto("about:blank")
