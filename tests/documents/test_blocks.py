"""What documents say to type works, and prints what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.documents.blocks import PAGES, RUN, Block, blocks
from tests.documents.running import Reader, read
from tests.server.running import Server

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
"""Programs in documents may leave a client open, as people do."""


LONG = {
    "docs/asking.md",
    "docs/calibrating.md",
    "docs/changing-models.md",
    "docs/edits.md",
    "docs/gpu.md",
    "docs/keys.md",
    "docs/mcp.md",
    "docs/openai.md",
    "docs/review.md",
    "docs/tutorials/good-samples.md",
    "docs/tutorials/operating.md",
    "docs/tutorials/review.md",
    "docs/tutorials/rewinding.md",
    "docs/tutorials/your-own-model.md",
}
"""Pages that take ten seconds or more, and are read with the slow tests."""


def runs(page: str, *marks: str) -> bool:
    """Whether a document has something to run that is marked so."""
    return any(block.language in RUN and block.mark in marks for block in blocks(page))


@pytest.fixture
def reader(tmp_path: Path, documented: Server) -> Iterator[Reader]:
    reader = Reader(tmp_path, documented.url)
    yield reader
    reader.close()


def check(reader: Reader, page: str, wanted: Callable[[Block], bool]) -> None:
    for block in read(reader, page, wanted):
        assert reader.saw(block), f"{block.place}: printed was\n{reader.all_said}"


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.slow if page in LONG else ())
        for page in PAGES
        if runs(page, "", "file")
    ],
)
def test_what_a_document_says_to_type_works(page: str, reader: Reader) -> None:
    check(reader, page, lambda block: block.mark not in ("skip", "slow"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("page", [page for page in PAGES if runs(page, "slow")])
def test_what_takes_minutes_works(page: str, reader: Reader) -> None:
    check(reader, page, lambda block: block.mark != "skip")
