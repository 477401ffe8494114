"""What a visitor sees before the first sample is there."""

from __future__ import annotations

import os
import signal

from playwright.sync_api import Page, expect

from sureflow_client import Client
from tests.server.running import Server, eventually


def test_steps_move_the_bar_before_the_first_sample(page: Page, server: Server) -> None:
    """All samples of fixed steps end together; until then their steps are counted.

    They go on while the page is loaded again, and stop when they are told to.
    """
    page.get_by_text("Solver and score").click()
    page.get_by_role("spinbutton", name="Steps", exact=True).fill("1000")
    page.get_by_role("spinbutton", name="Samples").fill("200")
    page.get_by_role("button", name="Generate").click()
    page.wait_for_function(
        """() => { const bar = document.querySelector('[aria-label=Progress]');
        return +bar.ariaValueNow > 0 && !document.querySelector('.cards .card'); }"""
    )
    expect(page.locator(".progress-said")).to_contain_text("left")
    page.reload()
    expect(page.locator(".progress-said")).to_contain_text("left")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".facts")).to_contain_text("stopped after")
    eventually(lambda: server.metric("sureflow_num_samples_running") == 0)


def test_the_place_in_the_queue_is_told(page: Page, server: Server) -> None:
    """While the worker stands still nothing starts."""
    os.kill(server.worker_pid, signal.SIGSTOP)
    try:
        with Client(server.url) as client:
            client.jobs.generate("icons")
        page.get_by_role("button", name="Generate").click()
        said = page.locator(".progress-said")
        expect(said).to_have_text("in the queue, 1 request before it")
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
    finally:
        os.kill(server.worker_pid, signal.SIGCONT)
    expect(page.locator(".facts")).to_contain_text("evaluations")
