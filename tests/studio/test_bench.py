"""Opening a sample, looking through its trajectory, and sending it elsewhere."""

from __future__ import annotations

import io
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from playwright.sync_api import Download, Locator, Page, expect

from sureflow_client import AtStep, Client, Condition, Resample
from tests.server.running import Server, eventually
from tests.studio.acting import (
    branch,
    choose,
    generate,
    open_sample,
    rewind,
    slide,
    thumb,
    value,
)

SIDE = 4
"""Pixels of an icon, in either direction."""


def opened(page: Page, label: str = "half") -> None:
    """Generate two samples and open the surer one."""
    choose(page, "Class", label)
    generate(page, 2)
    open_sample(page)


def title(page: Page) -> Locator:
    """Which sample is open."""
    return page.locator(".bench .panel-title").first


def surest(client: Client, label: str = "half") -> str:
    """The handle of the sample that :func:`opened` shows, made once more."""
    sample = client.generate("icons", n=2, seed=7, label=label, rewind=True).sorted()[0]
    assert sample.handle is not None
    return sample.handle.id


def saved(page: Page, name: str) -> Download:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=name, exact=True).click()
    return waiting.value


def read(page: Page, name: str) -> bytes:
    return Path(saved(page, name).path()).read_bytes()


def calls(page: Page) -> list[dict[str, Any]]:
    """The requests of the recipe."""
    found: list[dict[str, Any]] = json.loads(read(page, "Recipe"))["calls"]
    return found


def test_a_trajectory_is_scrubbed_through(page: Page, server: Server) -> None:
    opened(page)
    with Client(server.url) as client:
        handle = client.handle(surest(client))
    commit = handle.commits[0]
    when = page.locator(".when")
    expect(when).to_have_text("t = 1.00 · step 20 of 20")
    page.get_by_role("button", name="Commit point").click()
    expect(when).to_have_text(f"t = {commit.t:.2f} · step {commit.step} of 20")
    expect(page.locator(".profile svg")).to_contain_text("commit")
    picture = page.locator(".stage img")
    before = picture.get_attribute("src")
    thumb(page, "Time").press("ArrowRight")
    expect(when).to_contain_text(f"step {commit.step + 1} of 20")
    expect(picture).not_to_have_attribute("src", before or "")
    page.get_by_role("button", name="State", exact=True).click()
    slide(page, "Time", -2 - commit.step)
    expect(when).to_contain_text("t = 0.00 · step 0 of 20")
    expect(page.locator(".stage svg image")).to_have_count(1)
    page.get_by_role("switch", name="Unsure parts").click()
    expect(page.locator(".stage svg image")).to_have_count(0)
    page.get_by_role("button", name="Commit point").click()
    time = page.get_by_role("slider", name="Time")
    expect(time).to_have_attribute("aria-valuenow", str(commit.step))


@pytest.mark.slow
def test_who_does_not_wait_for_a_trajectory_is_left_alone(page: Page, server: Server) -> None:
    page.get_by_text("Solver and score").click()
    page.get_by_role("spinbutton", name="Steps", exact=True).fill("400")
    cards = generate(page, 1)

    def looked() -> float:
        return server.metric("sureflow_requests_total", operation="frames")

    before = looked()
    cards.first.click()
    page.get_by_role("button", name="Samples").click()
    expect(cards.first).to_be_visible()
    eventually(lambda: looked() > before)
    page.wait_for_timeout(1000)
    expect(cards.first).to_be_visible()
    expect(page.get_by_role("region", name="Trajectory")).to_be_hidden()


def test_the_end_is_left_at_the_commit_point(page: Page, server: Server) -> None:
    opened(page)
    with Client(server.url) as client:
        commit = client.handle(surest(client)).commits[0]
    expect(page.locator(".rewind-when")).to_have_text(
        f"From the commit point, t = {commit.t:.2f} (step {commit.step})"
    )
    branch(page, 1)
    assert calls(page)[1]["request"]["at"] == {"step": commit.step}


def test_the_sample_is_there_at_once(page: Page, server: Server) -> None:
    """While the worker stands still its trajectory cannot be made again."""
    cards = generate(page, 2)
    card = cards.first.locator("img").get_attribute("src") or ""
    os.kill(server.worker_pid, signal.SIGSTOP)
    try:
        cards.first.click()
        picture = page.locator(".stage img")
        expect(picture).to_have_attribute("src", card)
        expect(page.locator(".stage svg image")).to_have_count(0)
        expect(page.get_by_text("Making the trajectory again")).to_be_visible()
        expect(page.get_by_role("slider", name="Time")).to_be_hidden()
    finally:
        os.kill(server.worker_pid, signal.SIGCONT)
    expect(page.get_by_role("slider", name="Time")).to_be_visible()
    expect(picture).to_have_attribute("src", card)
    expect(page.locator(".stage svg image")).to_have_count(0)


def test_rewinding_by_time_draws_anew(page: Page, server: Server) -> None:
    """What the page makes is what the client makes of the same request."""
    opened(page)
    slide(page, "Time", 4 - int(value(page, "Time")))
    expect(page.locator(".rewind-when")).to_have_text("From t = 0.20 (step 4)")
    slide(page, "Branches", -1)
    cards = rewind(page)
    expect(cards).to_have_count(4)
    expect(cards.nth(1).locator(".card-words")).to_contain_text(re.compile(r"[+-]0\.\d\d|\+0"))
    cards.nth(2).click()
    expect(title(page)).to_have_text("icons #1")
    seed = calls(page)[1]["request"]["seed"]
    with Client(server.url) as client:
        made = client.edit(
            surest(client), Resample(), at=AtStep(4), branches=3, seed=seed, output="npy"
        )
    array = np.load(io.BytesIO(read(page, "NPY")))
    np.testing.assert_array_equal(array, made[1].array())


def test_a_painted_mask_is_all_that_changes(page: Page) -> None:
    opened(page)
    before = np.asarray(PIL.Image.open(io.BytesIO(read(page, "PNG"))))
    choose(page, "Operation", "Keep the rest")
    choose(page, "Region", "Painted part")
    slide(page, "Brush", -4)
    box = page.locator(".stage img").bounding_box()
    assert box is not None
    pixel = box["width"] / SIDE
    # Down the second column.
    x = box["x"] + 1.5 * pixel
    page.mouse.move(x, box["y"] + 0.5 * pixel)
    page.mouse.down()
    page.mouse.move(x, box["y"] + 2.5 * pixel, steps=3)
    page.mouse.up()
    expect(page.locator(".painted rect")).to_have_count(3)
    slide(page, "Time", -int(value(page, "Time")))
    branch(page, 1)
    expect(title(page)).to_have_text("icons #0")
    after = np.asarray(PIL.Image.open(io.BytesIO(read(page, "PNG"))))
    changed = before != after
    assert changed[:3, 1].any()
    assert not np.delete(changed, 1, axis=1).any()
    assert not changed[3].any()


def test_the_unsure_part_can_be_painted_and_erased(page: Page) -> None:
    opened(page)
    choose(page, "Region", "Painted part")
    page.get_by_role("button", name="Rewind").click()
    expect(page.get_by_text("Paint the part that is to change.")).to_be_visible()
    page.get_by_role("button", name="Paint the unsure 20 %").click()
    widths = page.locator(".painted rect").evaluate_all(
        "all => all.map(one => +one.getAttribute('width'))"
    )
    assert sum(widths) == round(0.2 * SIDE * SIDE)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".painted rect")).to_have_count(0)


def test_another_class_from_here_on(page: Page, server: Server) -> None:
    opened(page)
    choose(page, "Operation", "Change the class")
    page.get_by_role("button", name="Rewind").click()
    expect(page.get_by_text("Choose another condition or another guidance.")).to_be_visible()
    choose(page, "New class", "stripes")
    slide(page, "Time", 2 - int(value(page, "Time")))
    branch(page, 1)
    expect(title(page)).to_have_text("icons #0")
    request = calls(page)[1]["request"]
    assert request["at"] == {"step": 2}
    with Client(server.url) as client:
        made = client.edit(
            surest(client),
            [Resample(0.5), Condition("stripes")],
            at=AtStep(2),
            branches=4,
            seed=request["seed"],
            output="npy",
        )
    np.testing.assert_array_equal(np.load(io.BytesIO(read(page, "NPY"))), made[0].array())


@pytest.mark.slow
def test_a_recipe_makes_the_sample_again(page: Page, server: Server) -> None:
    """Two edits after another, by the calls of the recipe and nothing else."""
    opened(page)
    branch(page, 1)
    expect(title(page)).to_have_text("icons #0")
    choose(page, "Operation", "Guide to a shape")
    slide(page, "Time", -4)
    branch(page, 3)
    expect(title(page)).to_have_text("icons #2")
    array = np.load(io.BytesIO(read(page, "NPY")))
    first, *edits = calls(page)
    assert [first["path"], *(call["path"] for call in edits)] == [
        "/v1/generate",
        "/v1/edit",
        "/v1/edit",
    ]
    (made,) = post(server, first["path"], first["request"])["samples"]
    assert made["index"] == first["pick"]
    for call in edits:
        body = {**call["request"], "handle": made["handle"]["id"], "output": {"format": "list"}}
        made = post(server, call["path"], body)["samples"][call["pick"]]
    np.testing.assert_array_equal(array, np.array(made["data"], dtype=np.float32))


def post(server: Server, path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = server.client.post(path, json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.slow
def test_the_family_is_walked(page: Page, server: Server) -> None:
    opened(page)
    family = page.get_by_role("region", name="Family")
    expect(family).to_contain_text("No branches yet")
    slide(page, "Branches", -2)
    branch(page, 2)
    expect(title(page)).to_have_text("icons #1")
    slide(page, "Branches", -1)
    rewind(page)
    generations = family.locator(".generation")
    expect(generations).to_have_count(3)
    counts = [generations.nth(i).locator(".card").count() for i in range(3)]
    assert counts == [1, 2, 3]
    expect(family.locator(".card.open")).to_have_count(2)
    expect(family.locator("[aria-current=true]")).to_have_count(1)
    generations.nth(2).locator(".card").first.click()
    expect(family.locator(".card.open")).to_have_count(3)
    generations.nth(0).locator(".card").click()
    expect(page.get_by_role("region", name="Side by side").locator(".card")).to_have_count(3)
    page.get_by_role("button", name="Samples").click()
    expect(page.locator(".cards .card").first).to_be_visible()


@pytest.mark.slow
def test_relatives_of_an_earlier_visit_are_found(page: Page, server: Server) -> None:
    opened(page)
    with Client(server.url) as client:
        (first,) = [one for one in client.handles(2) if client.handle(one).sample.index == 0]
        client.edit(first, Resample(), at=0.1, branches=2, rewind=True)
    page.get_by_role("button", name="Samples").click()
    page.locator(".cards .card", has_text="#0").click()
    expect(page.get_by_role("region", name="Trajectory")).to_be_visible()
    expect(page.get_by_role("region", name="Side by side").locator(".card")).to_have_count(3)


@pytest.mark.slow
def test_a_vector_is_followed_through_the_plane(page: Page, server: Server) -> None:
    choose(page, "Model", "points")
    generate(page, 2)
    open_sample(page)
    chart = page.locator(".viewer .square svg")
    expect(chart).to_contain_text("x₁")
    choose(page, "Operation", "Guide to a shape")
    page.get_by_role("spinbutton", name="x1").fill("2")
    page.get_by_role("spinbutton", name="x2").fill("0")
    slide(page, "Time", -int(value(page, "Time")))
    branch(page, 1)
    expect(title(page)).to_have_text("points #0")
    array = np.load(io.BytesIO(read(page, "NPY")))
    np.testing.assert_allclose(array, [2, 0], atol=0.05)


@pytest.mark.slow
def test_what_the_server_has_forgotten_is_said(page: Page, server: Server) -> None:
    opened(page)
    page.get_by_role("button", name="Samples").click()
    with Client(server.url) as client:
        for handle in client.handles(2):
            client.delete_handle(handle)
    page.locator(".cards .card").first.click()
    expect(page.get_by_role("alert")).to_contain_text("No such handle")
    page.keyboard.press("Escape")
    expect(page.locator(".cards .card").first).to_be_visible()
