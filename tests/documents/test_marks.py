"""Every block says what it is; what is not run says why, and is right in so far as can be seen."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.documents.blocks import PAGES, RUN, Block, blocks

BLOCKS = [block for page in PAGES for block in blocks(page)]


def parsed_by_bash(text: str) -> None:
    subprocess.run(["bash", "-n", "-c", text], check=True)


READERS: dict[str, Callable[[str], Any]] = {
    "python": lambda text: compile(text, "block", "exec"),
    "sh": parsed_by_bash,
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}
OTHERS = {"text", "nginx"}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_it_says_what_it_is_and_can_be_read(block: Block) -> None:
    assert block.language in READERS.keys() | OTHERS, f"{block.place}: a block says its language"
    if block.language in READERS:
        READERS[block.language](block.text)
    if block.mark in ("skip", "slow"):
        assert len(block.said.split()) > 2, f"{block.place}: say why it is not run"


def test_most_of_what_can_be_run_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    code = [block for block in BLOCKS if block.language in RUN]
    skipped = [block for block in code if block.mark == "skip"]
    with capsys.disabled():
        for block in skipped:
            print(f"\nnot run: {block.place}: {block.said}", end="")
    assert len(skipped) < len(code) / 2
