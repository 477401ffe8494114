"""Generating, watching, filtering and sorting."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from sureflow_client import Client
from sureflow_studio.ask import MOST
from tests.server.running import Server, eventually
from tests.studio.acting import choose, click_until, generate, settled, slide, thumb
from tests.studio.conftest import Visit

DOTS = ".gallery .square svg path[stroke][transform^='matrix(4.5,']"
"""Points of a scatter, as ECharts draws them."""

NUMBER = re.compile(r"confidence ([\d.]+)")


def confidences(page: Page) -> list[float]:
    names = page.locator(".cards .card").evaluate_all("all => all.map(card => card.ariaLabel)")
    return [float(match[1]) for name in names if (match := NUMBER.search(name))]


def test_samples_are_those_of_the_api(page: Page, server: Server) -> None:
    choose(page, "Class", "stripes")
    generate(page, 5, seed=3)
    with Client(server.url) as client:
        made = client.generate("icons", n=5, seed=3, label="stripes")
    assert confidences(page) == [round(float(c), 2) for c in sorted(made.confidence, reverse=True)]
    pictures = page.locator(".cards img").evaluate_all("all => all.map(image => image.src)")
    assert len(set(pictures)) == 5
    assert all(source.startswith("data:image/png;base64,") for source in pictures)


def begin_long(page: Page) -> None:
    """Begin with what takes a while, by few steps of many evaluations each."""
    page.get_by_text("Solver and score").click()
    choose(page, "Method", "rk4")
    page.get_by_role("spinbutton", name="Steps", exact=True).fill("300")
    page.get_by_role("spinbutton", name="Samples").fill(str(MOST))
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()


def wait_idle(server: Server) -> None:
    eventually(lambda: server.metric("sureflow_num_samples_running") == 0)


def test_what_is_under_way_can_be_stopped(page: Page, server: Server) -> None:
    """A page has much to draw by the time that the first are there, so it is stopped before."""
    begin_long(page)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".facts")).to_contain_text("stopped after")
    assert page.locator(".cards .card").count() < MOST
    expect(page.get_by_role("button", name="Generate")).to_be_visible()
    wait_idle(server)


@pytest.mark.slow
def test_who_leaves_hangs_up(visit: Visit, server: Server) -> None:
    visit.open(server.url)  # the tab that others need
    page = visit.open(server.url)
    begin_long(page)
    page.close()
    assert server.metric("sureflow_num_samples_running") > 0
    wait_idle(server)


def test_the_slider_lets_the_doubtful_step_back(page: Page) -> None:
    generate(page, 8)
    everybody = confidences(page)
    slide(page, "Least confidence to show", 40)
    expect(page.locator(".passing")).to_contain_text("≥ 0.40")
    passing = sum(confidence >= 0.4 for confidence in everybody)
    assert 0 < passing < 8
    expect(page.locator(".passing")).to_have_text(f"≥ 0.40: {passing} of 8")
    expect(page.locator(".card.below")).to_have_count(8 - passing)
    expect(page.locator(".risk-said")).to_contain_text(f"{passing} of 8 pass")
    page.get_by_role("switch", name="Hide the others").click()
    expect(page.locator(".card:visible")).to_have_count(passing)


def test_samples_are_sorted(page: Page) -> None:
    generate(page, 6)
    assert confidences(page) == sorted(confidences(page), reverse=True)
    choose(page, "Sort", "least sure")
    expect(page.locator(".card").first).to_have_attribute(
        "aria-label", re.compile(f"confidence {min(confidences(page)):.2f}")
    )
    assert confidences(page) == sorted(confidences(page))


def test_risk_is_shown_where_a_judge_has_certified_it(page: Page, server: Server) -> None:
    card = server.client.get("/v1/models/icons").json()["calibrated"]["conformal"]
    bounds = {round(level, 2): bound for level, bound in card["thresholds"]}
    choose(page, "Class", "half")
    generate(page, 4)
    risk = page.get_by_role("region", name="Risk and coverage")
    expect(risk.locator(".panel-title")).to_have_text("Risk and coverage")
    expect(risk.locator("svg")).to_contain_text("bad at most, %")
    said = risk.locator(".risk-said").inner_text()
    match = re.search(r"At most ([\d.]+)% of such samples are bad", said)
    assert match is not None
    assert bounds[0.0] <= float(match[1]) / 100 < bounds[0.0] + 0.0011
    expect(risk.locator(".risk-note")).to_contain_text("judged by by eye")
    slide(page, "Least confidence to show", 100)
    expect(risk.locator(".risk-said")).to_contain_text("Nothing is certified above")


def test_no_risk_is_invented(page: Page) -> None:
    """Without a class the judge's table does not apply, and the page says so."""
    generate(page, 4)
    risk = page.get_by_role("region", name="Risk and coverage")
    expect(risk.locator(".panel-title")).to_have_text("Coverage")
    expect(risk.locator(".risk-note")).to_contain_text("The risk is known for heun")
    expect(risk).not_to_contain_text("At most")


def test_vectors_are_points_of_a_plane(page: Page) -> None:
    choose(page, "Model", "points")
    generate(page, 6)
    expect(page.locator(DOTS)).to_have_count(6)
    expect(page.get_by_role("img", name="Samples as points of a plane")).to_contain_text("x₁")
    note = page.locator(".risk-note")
    expect(note).to_contain_text("No bad rates are certified for points")
    expect(note).to_contain_text("no confidence either")


def test_a_point_opens_its_sample(page: Page) -> None:
    choose(page, "Model", "points")
    generate(page, 3)
    settled(page.locator(".gallery .square svg"))
    click_until(page.locator(DOTS).nth(1), page.get_by_role("region", name="Trajectory"))


def test_the_server_filters(page: Page) -> None:
    page.get_by_text("Filter on the server").click()
    choose(page, "Unsure samples", "Drop")
    slide(page, "Least confidence", 20)
    generate(page, 8)
    assert any(confidence < 0.5 for confidence in confidences(page))
    dropped = page.locator(".card-blank")
    assert dropped.count() == sum(confidence < 0.5 for confidence in confidences(page))
    expect(dropped.first).to_have_text("dropped")


def test_one_good_sample_is_promised(page: Page) -> None:
    """Few of the sixteen that may be made are needed for it."""
    choose(page, "Class", "stripes")
    page.get_by_text("Filter on the server").click()
    choose(page, "Unsure samples", "Drop")
    choose(page, "Filter by", "One good sample at least")
    expect(page.get_by_role("slider", name="Least confidence", exact=True)).to_be_hidden()
    page.get_by_role("button", name="Generate").click()
    expect(page.locator(".facts")).to_contain_text("evaluations")
    made, dropped = page.locator(".cards .card"), page.locator(".card-blank")
    expect(made.first).to_be_visible()
    assert made.count() < 16
    assert made.count() - dropped.count() == 1


def test_a_refusal_names_the_field(page: Page) -> None:
    """There is no confidence to filter by, which the server is the one to say."""
    choose(page, "Model", "points")
    page.get_by_text("Filter on the server").click()
    choose(page, "Unsure samples", "Mark")
    page.get_by_role("button", name="Generate").click()
    alert = page.get_by_role("alert").filter(has_text="filter.by:")
    expect(alert).to_contain_text("points is not calibrated")
    expect(alert).to_contain_text("req_")
    page.get_by_role("button", name="Dismiss").click()
    expect(alert).to_be_hidden()
    choose(page, "Unsure samples", "Keep")
    generate(page, 2)


def test_a_worker_that_dies_costs_nothing(page: Page, server: Server) -> None:
    server.kill_worker()
    generate(page, 3, seed=11)


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_keyboard_goes_everywhere(page: Page, key: str) -> None:
    cards = generate(page, 8)
    cards.first.focus()
    page.keyboard.press("ArrowRight")
    expect(cards.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(cards.nth(7)).to_be_focused()
    page.keyboard.press("ArrowUp")
    above = page.evaluate("document.activeElement.getBoundingClientRect().top")
    assert above < (cards.nth(7).bounding_box() or {"y": 0})["y"]
    page.keyboard.press("Home")
    expect(cards.first).to_be_focused()
    page.keyboard.press(key)
    expect(page.get_by_role("region", name="Trajectory")).to_be_visible()
    expect(page.get_by_role("button", name="Samples")).to_be_focused()
    page.keyboard.press("Escape")
    expect(cards.first).to_be_visible()
    expect(thumb(page, "Least confidence to show")).to_be_visible()
