"""A box for prompts, where the model makes a condition of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from sureflow.checkpoint import CheckpointConfig, save
from sureflow.networks import build
from sureflow_client import Client, Model
from sureflow_studio.generate import prompted
from tests.models.networks.test_staged import CONFIG
from tests.server.running import Server, serving
from tests.studio.acting import generate, value

if TYPE_CHECKING:
    from tests.studio.conftest import Visit

EXAMPLE = "a three"


def test_only_texts_that_are_read_have_a_box() -> None:
    text = {"kind": "text", "shape": [3, 8]}
    level = {"prompt": {"tokens": 3, "level": "subword", "examples": []}}
    numbers = {"prompt": {"tokens": 3, "level": None, "examples": []}}
    for conditions, name in (
        (None, None),
        ({"text": text}, None),
        ({"text": text | numbers}, None),
        ({"pooled": {"kind": "vector"}, "words": text | level}, "words"),
    ):
        model = Model(name="m", state="ready", default=True, conditions=conditions)
        assert prompted(model) == name


@pytest.fixture(scope="module")
def captions(tmp_path_factory: pytest.TempPathFactory, installed: Path) -> Iterator[Server]:
    """A server with the studio, on a model of prompts."""
    folder = tmp_path_factory.mktemp("captions") / "captions"
    config = {**CONFIG, "encoder": {**CONFIG["encoder"], "examples": [EXAMPLE]}}
    save(folder, CheckpointConfig(name="captions", media="image", network=config), build(config))
    with serving("--studio", "--models-dir", str(folder.parent), plugins=installed) as server:
        yield server


@pytest.mark.slow
def test_a_prompt_is_asked_for(captions: Server, visit: Visit) -> None:
    page = visit.open(captions.url)
    box = page.get_by_role("textbox", name="Prompt")
    expect(box).to_have_value(EXAMPLE)
    expect(page.get_by_role("slider", name="Guidance")).to_be_visible()
    box.fill("a bold three")
    generate(page, 2)
    with Client(captions.url) as client:
        handles = client.handles()
    assert handles, "what was made can be opened again"
    assert value(page, "Guidance") == 1
    box.fill("a purple three")
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_text("has the word 'purple'")).to_be_visible()
    box.fill("")
    expect(page.get_by_role("slider", name="Guidance")).to_be_hidden()
